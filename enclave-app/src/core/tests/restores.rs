//! Taking wallets over: who may, and what becomes of those who may not any more.

use super::client::open;
use super::device::{Held, active, create, prepare_for, sign_raw, test_primes};
use super::owner::{backup, code_factor};
use super::{Client, Owner, World};
use rand_core::OsRng;
use sharekeep_mpc::{PartyIndex, PossessionBinding};
use sharekeep_recovery::RecoveryKeys;
use sharekeep_schemas::ProblemCode::{self, *};
use sharekeep_schemas::enclave::{RecordKey, Row, Write};
use sharekeep_schemas::sealed::{
    DeviceChanged, NameDevice, Plain, PutBackup, Restore, Restored, RestoredWallet, SessionRenewed,
};
use sharekeep_schemas::{DeviceId, EventKind, Protocol, Scheme, WalletStatus, limits};

const FROST: (Scheme, Protocol) = (Scheme::EddsaEd25519, Protocol::Frost);
const CGGMP24: (Scheme, Protocol) = (Scheme::EcdsaSecp256k1, Protocol::Cggmp24);

struct Scene {
    world: World,
    /// The phone that made the wallet.
    phone: Client,
    owner: Owner,
    wallet: Held,
    /// A new device that is signed in.
    tablet: Client,
}

fn scene() -> Scene {
    let (world, phone) = (World::new(), Client::new("shop", "alice"));
    let owner = Owner::sign_up(&world, &phone);
    let wallet = active(&world, &phone, FROST.0, FROST.1);
    let tablet = Client::new("shop", "alice");
    tablet.login(&world);
    Scene { world, phone, owner, wallet, tablet }
}

/// What a restore is made of, to be changed by an attack.
struct Taking<'a> {
    wallets: Vec<(&'a Held, Option<DeviceId>)>,
    lost: Vec<DeviceId>,
    keys: RecoveryKeys,
}

impl Scene {
    fn taking(&self, lost: &[DeviceId]) -> Taking<'_> {
        Taking { wallets: vec![(&self.wallet, None)], lost: lost.to_vec(), keys: self.owner.keys() }
    }

    fn restore(&self, client: &Client, taking: &Taking<'_>) -> Result<Restored, ProblemCode> {
        self.restore_changed(client, taking, |_| ())
    }

    fn restore_changed(
        &self,
        client: &Client,
        taking: &Taking<'_>,
        change: impl FnOnce(&mut Restore),
    ) -> Result<Restored, ProblemCode> {
        let (answer, opener) = self.ask(client, taking, change)?;
        self.world.commit(&answer.1).map_err(|_| Conflict)?;
        Ok(open(&opener, &answer.0))
    }

    #[allow(clippy::type_complexity)]
    fn ask(
        &self,
        client: &Client,
        taking: &Taking<'_>,
        change: impl FnOnce(&mut Restore),
    ) -> Result<
        ((Vec<u8>, Vec<Write>), sharekeep_channel::encapsulation::ResponseOpener),
        ProblemCode,
    > {
        let user = self.owner.user;
        let (sealed, opener) = client.seal_with(&self.world, "/v1/restore", |pop| {
            let prove = |(held, prepared_by): &(&Held, Option<DeviceId>)| {
                let binding = PossessionBinding {
                    wallet: held.id.as_bytes(),
                    epoch: 1,
                    party: PartyIndex(0),
                    nonce: pop.as_bytes(),
                };
                let proof = held.share.prove_possession(&binding, &mut OsRng).unwrap();
                RestoredWallet {
                    wallet: held.id,
                    epoch: 1,
                    proof: proof.as_bytes().to_vec(),
                    prepared_by: *prepared_by,
                }
            };
            let unlock = taking.keys.unlock_device(&client.tenant, &user, client.device, pop);
            let mut payload = Restore {
                version: 1,
                wallets: taking.wallets.iter().map(prove).collect(),
                lost: taking.lost.clone(),
                unlock: unlock.to_vec(),
            };
            change(&mut payload);
            payload
        });
        let answer = self.world.ask(&client.sign(&self.world, &sealed));
        answer.map(|answer| ((answer.body, answer.writes), opener)).map_err(|refused| refused.code)
    }

    fn revoked(&self, device: DeviceId) -> bool {
        let key = RecordKey::Device { user: self.owner.user, device };
        let Row::Device(row) = &self.world.store.borrow()[&key].row else { panic!() };
        row.revoked_at_unix_s.is_some()
    }
}

fn renew(world: &World, client: &Client) -> Result<SessionRenewed, ProblemCode> {
    client.plain(world, &format!("/v1/sessions/{}/renew", client.id()))
}

#[test]
fn a_new_device_signs_once_it_proved_a_factor_and_the_share() {
    let scene = scene();
    let Scene { world, wallet, tablet, phone, .. } = &scene;
    assert_eq!(sign_raw(world, tablet, wallet, b"hello"), Err(WalletOnOtherDevice));
    let restored = scene.restore(tablet, &scene.taking(&[])).unwrap();
    assert_eq!(restored.wallets[0].status, WalletStatus::Active);
    assert_eq!(sign_raw(world, tablet, wallet, b"hello"), Ok(1));
    // The old one was not lost.
    assert_eq!(sign_raw(world, phone, wallet, b"hello"), Ok(1));
    // Again: nothing changes.
    assert!(scene.restore(tablet, &scene.taking(&[])).is_ok());
    // And backups are the new device's to put.
    let payload = PutBackup { version: 1, backup: backup(wallet, 1, 2) };
    let path = format!("/v1/wallets/{}/backup", wallet.id);
    assert!(world.serve(&tablet.request(world, &path, &payload)).is_ok());
}

#[test]
fn a_share_without_a_factor_and_a_factor_without_a_share_take_nothing_over() {
    let scene = scene();
    let Scene { tablet, .. } = &scene;
    let good = scene.taking(&[]);
    let changes: [fn(&mut Restore); 7] = [
        |payload| payload.unlock[0] ^= 1,
        |payload| payload.unlock.clear(),
        |payload| payload.wallets[0].proof[0] ^= 1,
        |payload| payload.wallets[0].proof[40] ^= 1,
        |payload| payload.wallets[0].proof.clear(),
        |payload| payload.wallets[0].proof = vec![0; 64],
        |payload| payload.wallets[0].proof = vec![0; 4_000],
    ];
    for change in changes {
        let refused = scene.restore_changed(tablet, &good, change);
        assert_eq!(refused, Err(PossessionInvalid));
    }
    let stale = scene.restore_changed(tablet, &good, |payload| payload.wallets[0].epoch = 2);
    assert_eq!(stale, Err(BackupStale));
    // Another seed, and another wallet's share.
    let stranger = sharekeep_recovery::RecoverySeed::generate(&mut OsRng);
    let taking = Taking { keys: stranger.keys(1), ..scene.taking(&[]) };
    assert_eq!(scene.restore(tablet, &taking), Err(PossessionInvalid));
    let other = active(&scene.world, &scene.phone, FROST.0, FROST.1);
    let id = scene.wallet.id;
    let taking = Taking { wallets: vec![(&other, None)], ..scene.taking(&[]) };
    let swapped = scene.restore_changed(tablet, &taking, |payload| payload.wallets[0].wallet = id);
    assert_eq!(swapped, Err(PossessionInvalid));
    assert_eq!(sign_raw(&scene.world, tablet, &scene.wallet, b"hello"), Err(WalletOnOtherDevice));
}

#[test]
fn proofs_of_one_request_are_worth_nothing_in_another() {
    let scene = scene();
    let mut kept = None;
    let good = scene.taking(&[]);
    scene.ask(&scene.tablet, &good, |payload| kept = Some(payload.clone())).unwrap();
    let kept = kept.unwrap();
    let thief = Client::new("shop", "alice");
    thief.login(&scene.world);
    for client in [&thief, &scene.tablet] {
        let replayed = scene.restore_changed(client, &good, |payload| *payload = kept.clone());
        assert_eq!(replayed, Err(PossessionInvalid));
    }
}

#[test]
fn a_thief_with_the_old_device_and_a_valid_token_cannot_sign_after_it_was_declared_lost() {
    let mut scene = scene();
    let lost = [scene.phone.device];
    scene.restore(&scene.tablet, &scene.taking(&lost)).unwrap();
    assert!(scene.revoked(scene.phone.device));
    for _ in 0..2 {
        let Scene { world, phone, wallet, .. } = &scene;
        // Its session is over.
        assert!(matches!(renew(world, phone), Err(SessionUnknown | DeviceRevoked)));
        // A new token opens none on the same device.
        let again = phone.again();
        let refused = again.login_refused(world, &again.token(world.now.get()));
        assert_eq!(refused.code, DeviceRevoked);
        // As a new device it does not hold the wallet, though it has the share, and can't say that
        // it unlocked a factor.
        let disguised = Client::new("shop", "alice");
        disguised.login(world);
        assert_eq!(sign_raw(world, &disguised, wallet, b"hello"), Err(WalletOnOtherDevice));
        let seed = sharekeep_recovery::RecoverySeed::generate(&mut OsRng);
        let taking = Taking { keys: seed.keys(1), ..scene.taking(&[]) };
        assert_eq!(scene.restore(&disguised, &taking), Err(PossessionInvalid));
        assert_eq!(sign_raw(world, &scene.tablet, wallet, b"hello"), Ok(1));
        // The same in the next life.
        scene.world.restart();
    }
}

#[test]
fn a_lost_device_stays_lost_also_when_nothing_is_ever_committed() {
    let scene = scene();
    let lost = scene.taking(&[scene.phone.device]);
    scene.ask(&scene.tablet, &lost, |_| ()).unwrap();
    assert!(!scene.revoked(scene.phone.device));
    assert!(matches!(renew(&scene.world, &scene.phone), Err(SessionUnknown | DeviceRevoked)));
    let again = scene.phone.again();
    let refused = again.login_refused(&scene.world, &again.token(scene.world.now.get()));
    assert_eq!(refused.code, DeviceRevoked);
}

#[test]
fn a_holder_of_token_and_factor_file_alone_can_neither_restore_nor_sign() {
    let scene = scene();
    // The seed is unlocked, but nothing opens the backups' enclave layer into a share of another
    // wallet: without the share there is no proof.
    let other = active(&scene.world, &scene.phone, FROST.0, FROST.1);
    let id = scene.wallet.id;
    let taking = Taking { wallets: vec![(&other, None)], ..scene.taking(&[]) };
    let refused =
        scene.restore_changed(&scene.tablet, &taking, |payload| payload.wallets[0].wallet = id);
    assert_eq!(refused, Err(PossessionInvalid));
}

#[test]
fn requests_that_contradict_themselves_are_refused() {
    let scene = scene();
    let tablet = &scene.tablet;
    let taking = scene.taking(&[]);
    let mine = tablet.device;
    let refused = |change: &dyn Fn(&mut Restore)| {
        scene.restore_changed(tablet, &taking, |payload| change(payload)).unwrap_err()
    };
    assert_eq!(refused(&|payload| payload.lost = vec![mine]), MalformedRequest);
    let twice = |payload: &mut Restore| payload.wallets.push(payload.wallets[0].clone());
    assert_eq!(refused(&twice), MalformedRequest);
    assert_eq!(refused(&|payload| payload.lost = vec![DeviceId::new([1; 16])]), NotFound);
    let many = |payload: &mut Restore| {
        payload.wallets = vec![payload.wallets[0].clone(); limits::MAX_WALLETS_PER_RESTORE + 1];
    };
    assert_eq!(refused(&many), TooMany);
}

#[test]
fn a_restored_device_signs_at_once_with_the_preparation_of_its_backup() {
    for lose in [true, false] {
        let (world, phone) = (World::new(), Client::new("shop", "alice"));
        let owner = Owner::sign_up(&world, &phone);
        let mut wallet = active(&world, &phone, CGGMP24.0, CGGMP24.1);
        world.core.primes.add_set(test_primes(1));
        prepare_for(&world, &phone, &mut wallet).unwrap();
        let tablet = Client::new("shop", "alice");
        tablet.login(&world);
        let scene = Scene { world, phone, owner, wallet, tablet };
        let from = scene.phone.device;
        let lost: &[_] = if lose { &[from] } else { &[] };
        let taking = Taking { wallets: vec![(&scene.wallet, Some(from))], ..scene.taking(lost) };
        // A half-finished restore can be repeated.
        for _ in 0..2 {
            let restored = scene.restore(&scene.tablet, &taking).unwrap();
            assert!(restored.wallets[0].prepared);
        }
        assert_eq!(sign_raw(&scene.world, &scene.tablet, &scene.wallet, b"hello"), Ok(3));
        let old = sign_raw(&scene.world, &scene.phone, &scene.wallet, b"hello");
        assert_eq!(old.is_ok(), !lose);
    }
}

#[test]
fn two_restores_at_once_have_one_winner_and_a_removed_factor_restores_nothing() {
    let mut scene = scene();
    let laptop = Client::new("shop", "alice");
    laptop.login(&scene.world);
    let taking = scene.taking(&[]);
    let (one, _) = scene.ask(&scene.tablet, &taking, |_| ()).unwrap();
    let (other, _) = scene.ask(&laptop, &taking, |_| ()).unwrap();
    scene.world.commit(&one.1).unwrap();
    assert!(scene.world.commit(&other.1).is_err());
    scene.restore(&laptop, &taking).unwrap();

    let user = scene.owner.user;
    let made = code_factor(&scene.phone, user);
    scene.owner.add(&scene.world, &scene.phone, &[&made]).unwrap();
    let removed = scene.owner.set.factors[0].id;
    let (change, _) = scene.owner.rotated(&[removed], &[]);
    let backups = vec![backup(&scene.wallet, 2, 2)];
    let payload = super::owner::request(&change, &[], backups);
    let started = Client::new("shop", "alice");
    started.login(&scene.world);
    let (late, _) = scene.ask(&started, &scene.taking(&[]), |_| ()).unwrap();
    let http = scene.phone.request(&scene.world, super::owner::FACTORS, &payload);
    scene.world.serve(&http).unwrap();
    // It was decided under the old key, which does not hold any more.
    assert!(scene.world.commit(&late.1).is_err());
    assert_eq!(scene.restore(&started, &scene.taking(&[])), Err(PossessionInvalid));
}

#[test]
fn a_revoked_device_opens_no_session_and_an_older_record_does_not_bring_it_back() {
    let scene = scene();
    let Scene { world, phone, tablet, .. } = &scene;
    scene.restore(tablet, &scene.taking(&[])).unwrap();
    let key = RecordKey::Device { user: scene.owner.user, device: tablet.device };
    let before = world.store.borrow()[&key].clone();
    let session = world.store.borrow()[&RecordKey::Session(tablet.id())].clone();
    let path = format!("/v1/devices/{}/revoke", tablet.device);
    let changed: DeviceChanged = phone.plain(world, &path).unwrap();
    assert!(changed.revoked && scene.revoked(tablet.device));
    assert!(!world.store.borrow().contains_key(&RecordKey::Session(tablet.id())));
    let again: DeviceChanged = phone.plain(world, &path).unwrap();
    assert_eq!(again, changed);
    world.store.borrow_mut().insert(key, before);
    world.store.borrow_mut().insert(RecordKey::Session(tablet.id()), session);
    assert!(matches!(renew(world, tablet), Err(SessionUnknown | DeviceRevoked)));
    let back = tablet.again();
    assert_eq!(back.login_refused(world, &back.token(world.now.get())).code, DeviceRevoked);
    let own = format!("/v1/devices/{}/revoke", phone.device);
    world.refuses(&phone.request(world, &own, &Plain::default()), MalformedRequest);
    let other = Client::new("shop", "bob");
    other.login(world);
    world.refuses(&other.request(world, &own, &Plain::default()), NotFound);
}

#[test]
fn devices_are_named_and_counted_and_new_ones_told() {
    let (world, phone) = (World::new(), Client::new("shop", "alice"));
    let user = phone.login(&world).user;
    let path = format!("/v1/devices/{}/name", phone.device);
    let name = |name: &str| NameDevice { version: 1, name: name.into() };
    for bad in ["", "  ", "a\nb", &"x".repeat(65)] {
        world.refuses(&phone.request(&world, &path, &name(bad)), MalformedRequest);
    }
    let _: DeviceChanged = phone.send(&world, &path, &name("Alice's phone")).unwrap();
    let key = RecordKey::Device { user, device: phone.device };
    {
        let store = world.store.borrow();
        let Row::Device(row) = &store[&key].row else { panic!() };
        assert_eq!(row.name.as_deref(), Some("Alice's phone"));
    }
    for _ in 1..limits::MAX_DEVICES_PER_USER {
        Client::new("shop", "alice").login(&world);
    }
    let registered = world
        .store
        .borrow()
        .values()
        .filter(
            |put| matches!(&put.row, Row::Event(row) if row.kind == EventKind::DeviceRegistered),
        )
        .count();
    assert_eq!(registered, limits::MAX_DEVICES_PER_USER);
}

#[test]
fn a_stolen_token_cannot_lock_its_user_out() {
    let scene = scene();
    let Scene { world, phone, wallet, .. } = &scene;
    let thief = Client::new("shop", "alice");
    thief.login(world);
    let revoke = |of: &Client| format!("/v1/devices/{}/revoke", of.device);
    world.refuses(&thief.request(world, &revoke(phone), &Plain::default()), FactorNeeded);
    // Wallets of its own would fill the user's places, with backups that nobody can open.
    assert_eq!(create(world, &thief, FROST.0, FROST.1).err(), Some(FactorNeeded));
    // Nor does it lock pairs by false proofs, use the primes up or rename the user's devices.
    let mut own =
        Held { protocol: Protocol::Cggmp24, prepared: None, ..other_wallet(world, phone) };
    assert_eq!(prepare_for(world, &thief, &mut own), Err(FactorNeeded));
    let path = format!("/v1/devices/{}/name", phone.device);
    let payload = NameDevice { version: 1, name: "gone".into() };
    world.refuses(&thief.request(world, &path, &payload), FactorNeeded);
    // As many devices as it likes.
    for _ in 0..2 * limits::MAX_DEVICES_PER_USER {
        world.pass(1);
        Client::new("shop", "alice").login(world);
    }
    // It was pushed out itself, and is new when it comes back.
    let key = RecordKey::Device { user: scene.owner.user, device: thief.device };
    assert!(!world.store.borrow().contains_key(&key));
    world.refuses(&thief.request(world, &revoke(phone), &Plain::default()), SessionUnknown);
    thief.again().login(world);
    let events = world
        .store
        .borrow()
        .values()
        .filter(
            |put| matches!(&put.row, Row::Event(row) if row.kind == EventKind::DeviceRegistered),
        )
        .count();
    assert_eq!(events, limits::MAX_DEVICES_PER_USER);
    // The user's own device is untouched, and a new one comes in and restores.
    assert!(!scene.revoked(phone.device));
    let phone = phone.again();
    phone.login(world);
    assert_eq!(sign_raw(world, &phone, wallet, b"hello"), Ok(1));
    let new = Client::new("shop", "alice");
    new.login(world);
    scene.restore(&new, &scene.taking(&[])).unwrap();
    assert_eq!(sign_raw(world, &new, wallet, b"hello"), Ok(1));
    let _: DeviceChanged = new.plain(world, &revoke(&phone)).unwrap();
}

fn other_wallet(world: &World, client: &Client) -> Held {
    active(world, client, FROST.0, FROST.1)
}

#[test]
fn a_thief_with_an_old_device_cannot_end_each_new_one_before_it_has_shown_a_factor() {
    let scene = scene();
    let Scene { world, phone, tablet, .. } = &scene;
    let path = format!("/v1/devices/{}/revoke", tablet.device);
    world.refuses(&phone.request(world, &path, &Plain::default()), FactorNeeded);
    scene.restore(tablet, &scene.taking(&[phone.device])).unwrap();
    assert!(scene.revoked(phone.device));
    // One that never did is revoked by a device of the user's after an hour.
    let forgotten = Client::new("shop", "alice");
    forgotten.login(world);
    let path = format!("/v1/devices/{}/revoke", forgotten.device);
    world.refuses(&tablet.request(world, &path, &Plain::default()), FactorNeeded);
    world.pass(limits::NEW_DEVICE_S);
    let tablet = tablet.again();
    tablet.login(world);
    let changed: DeviceChanged = tablet.plain(world, &path).unwrap();
    assert!(changed.revoked && scene.revoked(forgotten.device));
}

#[test]
fn a_device_that_shows_a_factor_without_wallets_to_restore_counts_as_the_users() {
    let (world, phone) = (World::new(), Client::new("shop", "alice"));
    let owner = Owner::sign_up(&world, &phone);
    let tablet = Client::new("shop", "alice");
    tablet.login(&world);
    let wallet = active(&world, &phone, FROST.0, FROST.1);
    let scene = Scene { world, phone, owner, wallet, tablet };
    let taking = Taking { wallets: vec![], ..scene.taking(&[]) };
    let path = format!("/v1/devices/{}/revoke", scene.phone.device);
    let http = scene.tablet.request(&scene.world, &path, &Plain::default());
    scene.world.refuses(&http, FactorNeeded);
    scene.restore(&scene.tablet, &taking).unwrap();
    let _: DeviceChanged = scene.tablet.plain(&scene.world, &path).unwrap();
    assert!(scene.revoked(scene.phone.device));
}

#[test]
fn there_is_always_room_for_a_new_device_of_the_user() {
    let scene = scene();
    let Scene { world, .. } = &scene;
    let signed_in = || {
        world.pass(1);
        let client = Client::new("shop", "alice");
        client.login(world);
        client
    };
    let join =
        |client: &Client, lost: &[DeviceId]| scene.restore(client, &scene.taking(lost)).map(|_| ());
    // The phone that set recovery up counts.
    for _ in 1..limits::MAX_PROVED_DEVICES_PER_USER {
        join(&signed_in(), &[]).unwrap();
    }
    let late = signed_in();
    assert_eq!(join(&late, &[]), Err(TooMany));
    // Beside so many that have shown a factor, others come and go.
    for _ in 0..limits::MAX_DEVICES_PER_USER {
        signed_in();
    }
    let new = signed_in();
    join(&new, &[scene.phone.device]).unwrap();
    assert!(scene.revoked(scene.phone.device));
    assert_eq!(sign_raw(world, &new, &scene.wallet, b"hello"), Ok(1));
    assert_eq!(join(&signed_in(), &[]), Err(TooMany));
}

#[test]
fn two_devices_at_once_are_not_both_the_last_that_may_show_a_factor() {
    let scene = scene();
    let laptop = Client::new("shop", "alice");
    laptop.login(&scene.world);
    let taking = Taking { wallets: vec![], ..scene.taking(&[]) };
    let (one, _) = scene.ask(&scene.tablet, &taking, |_| ()).unwrap();
    let (other, _) = scene.ask(&laptop, &taking, |_| ()).unwrap();
    scene.world.commit(&one.1).unwrap();
    assert!(scene.world.commit(&other.1).is_err());
    scene.restore(&laptop, &taking).unwrap();
}

#[test]
fn a_device_that_makes_room_but_not_in_the_end_is_as_it_was() {
    let scene = scene();
    let Scene { world, tablet, wallet, .. } = &scene;
    for _ in 2..limits::MAX_DEVICES_PER_USER {
        world.pass(1);
        Client::new("shop", "alice").login(world);
    }
    let tablet = &tablet.again();
    tablet.login(world);
    // The tablet is the oldest without a factor, and shows one before the opening is committed.
    let new = Client::new("shop", "alice");
    let (sealed, _) = new.opening(world, &new.token(world.now.get()));
    let opening = world.ask(&new.sign(world, &sealed)).unwrap();
    scene.restore(tablet, &scene.taking(&[])).unwrap();
    assert!(world.commit(&opening.writes).is_err());
    assert_eq!(sign_raw(world, tablet, wallet, b"hello"), Ok(1));
}

#[test]
fn a_session_that_outlived_its_device_neither_renews_nor_signs() {
    let mut scene = scene();
    scene.restore(&scene.tablet, &scene.taking(&[])).unwrap();
    let session = RecordKey::Session(scene.tablet.id());
    let before = scene.world.store.borrow()[&session].clone();
    // Another enclave revokes the device while this one opens the session: it is not in its list.
    let other = scene.world.another_life();
    let this = std::mem::replace(&mut scene.world.core, other);
    let phone = scene.phone.again();
    phone.login(&scene.world);
    let path = format!("/v1/devices/{}/revoke", scene.tablet.device);
    let _: DeviceChanged = phone.plain(&scene.world, &path).unwrap();
    scene.world.store.borrow_mut().insert(session, before);
    scene.world.core = this;
    let Scene { world, tablet, wallet, .. } = &scene;
    assert_eq!(sign_raw(world, tablet, wallet, b"hello"), Err(DeviceRevoked));
    assert_eq!(renew(world, tablet).unwrap_err(), DeviceRevoked);
}

#[test]
fn a_renewal_that_races_a_revocation_of_its_device_has_one_winner() {
    let scene = scene();
    scene.restore(&scene.tablet, &scene.taking(&[])).unwrap();
    let Scene { world, phone, tablet, .. } = &scene;
    let path = format!("/v1/sessions/{}/renew", tablet.id());
    let key = RecordKey::Session(tablet.id());
    let session = world.store.borrow()[&key].clone();
    let renewal = world.ask(&tablet.request(world, &path, &Plain::default())).unwrap();
    let path = format!("/v1/devices/{}/revoke", tablet.device);
    let _: DeviceChanged = phone.plain(world, &path).unwrap();
    // The session was not in the list of those that ended with it.
    world.store.borrow_mut().insert(key, session);
    assert!(world.commit(&renewal.writes).is_err());
}
