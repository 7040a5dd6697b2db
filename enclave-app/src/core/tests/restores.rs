//! Taking wallets over: who may, and what becomes of those who may not any more.

use super::client::open;
use super::device::{Held, active, prepare_for, sign_raw, test_primes};
use super::owner::{backup, code_factor};
use super::{Client, Owner, World};
use rand_core::OsRng;
use sharekeep_mpc::{PartyIndex, PossessionBinding};
use sharekeep_recovery::RecoveryKeys;
use sharekeep_schemas::ProblemCode::{self, *};
use sharekeep_schemas::enclave::{RecordKey, Row, Write};
use sharekeep_schemas::sealed::{
    PreparedHalf, PutBackup, Restore, Restored, RestoredWallet, SessionRenewed,
};
use sharekeep_schemas::{DeviceId, Protocol, Scheme, WalletStatus, limits};

const FROST: (Scheme, Protocol) = (Scheme::EddsaEd25519, Protocol::Frost);
const CGGMP24: (Scheme, Protocol) = (Scheme::EcdsaSecp256k1, Protocol::Cggmp24);

pub(super) struct Scene {
    pub(super) world: World,
    /// The phone that made the wallet.
    pub(super) phone: Client,
    pub(super) owner: Owner,
    pub(super) wallet: Held,
    /// A new device that is signed in.
    pub(super) tablet: Client,
}

pub(super) fn scene() -> Scene {
    let (world, phone) = (World::new(), Client::new("shop", "alice"));
    let owner = Owner::sign_up(&world, &phone);
    let wallet = active(&world, &phone, FROST.0, FROST.1);
    let tablet = Client::new("shop", "alice");
    tablet.login(&world);
    Scene { world, phone, owner, wallet, tablet }
}

/// What a restore is made of, to be changed by an attack.
pub(super) struct Taking<'a> {
    pub(super) wallets: Vec<(&'a Held, Option<DeviceId>)>,
    pub(super) lost: Vec<DeviceId>,
    pub(super) keys: RecoveryKeys,
}

impl Scene {
    pub(super) fn taking(&self, lost: &[DeviceId]) -> Taking<'_> {
        Taking { wallets: vec![(&self.wallet, None)], lost: lost.to_vec(), keys: self.owner.keys() }
    }

    pub(super) fn restore(
        &self,
        client: &Client,
        taking: &Taking<'_>,
    ) -> Result<Restored, ProblemCode> {
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
    pub(super) fn ask(
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
            let prove = |(held, from): &(&Held, Option<DeviceId>)| {
                let half = held.prepared.as_ref().zip(*from);
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
                    prepared: half.map(|((id, _), device)| PreparedHalf { id: *id, device }),
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

    pub(super) fn revoked(&self, device: DeviceId) -> bool {
        let key = RecordKey::Device { user: self.owner.user, device };
        let Row::Device(row) = &self.world.store.borrow()[&key].row else { panic!() };
        row.revoked_at_unix_s.is_some()
    }
}

pub(super) fn renew(world: &World, client: &Client) -> Result<SessionRenewed, ProblemCode> {
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
    let many = |payload: &mut Restore| {
        payload.wallets = vec![payload.wallets[0].clone(); limits::MAX_WALLETS_PER_RESTORE + 1];
    };
    assert_eq!(refused(&many), TooMany);
}

#[test]
fn a_lost_device_that_is_not_there_any_more_is_kept_out_as_well() {
    let scene = scene();
    // It made room for others; or a function hides it.
    let gone = Client::new("shop", "alice");
    gone.login(&scene.world);
    let key = RecordKey::Device { user: scene.owner.user, device: gone.device };
    let hidden = scene.world.store.borrow_mut().remove(&key).unwrap();
    let taking = scene.taking(&[gone.device]);
    let (answer, _) = scene.ask(&scene.tablet, &taking, |_| ()).unwrap();
    scene.world.store.borrow_mut().insert(key.clone(), hidden);
    assert!(scene.world.commit(&answer.1).is_err());
    scene.world.store.borrow_mut().remove(&key);
    scene.restore(&scene.tablet, &taking).unwrap();
    assert!(scene.revoked(gone.device));
    let again = gone.again();
    let refused = again.login_refused(&scene.world, &again.token(scene.world.now.get()));
    assert_eq!(refused.code, DeviceRevoked);
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
fn a_backup_older_than_the_other_devices_preparation_says_that_one_must_be_made() {
    let (world, phone) = (World::new(), Client::new("shop", "alice"));
    let owner = Owner::sign_up(&world, &phone);
    let mut wallet = active(&world, &phone, CGGMP24.0, CGGMP24.1);
    for set in [1, 2] {
        world.core.primes.add_set(test_primes(set));
    }
    prepare_for(&world, &phone, &mut wallet).unwrap();
    let backed_up = wallet.prepared.take();
    prepare_for(&world, &phone, &mut wallet).unwrap();
    wallet.prepared = backed_up;
    let tablet = Client::new("shop", "alice");
    tablet.login(&world);
    let scene = Scene { world, phone, owner, wallet, tablet };
    let from = scene.phone.device;
    let taking = Taking { wallets: vec![(&scene.wallet, Some(from))], ..scene.taking(&[]) };
    let restored = scene.restore(&scene.tablet, &taking).unwrap();
    assert!(!restored.wallets[0].prepared);
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
