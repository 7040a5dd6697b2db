//! Which of the user's devices may do what, and that a token alone pushes none of them aside.

use super::device::{Held, active, create, prepare_for, sign_raw};
use super::restores::{Scene, Taking, renew, scene};
use super::{Client, Owner, World};
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::enclave::{Put, RecordKey, Row};
use sharekeep_schemas::sealed::{DeviceChanged, NameDevice, Plain};
use sharekeep_schemas::{DeviceId, EventKind, Protocol, Scheme, limits};

const FROST: (Scheme, Protocol) = (Scheme::EddsaEd25519, Protocol::Frost);

/// How many registrations of devices were told.
fn registrations(world: &World) -> usize {
    let told =
        |put: &Put| matches!(&put.row, Row::Event(row) if row.kind == EventKind::DeviceRegistered);
    world.store.borrow().values().filter(|put| told(put)).count()
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
    assert_eq!(registrations(&world), limits::MAX_DEVICES_PER_USER);
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
    assert_eq!(registrations(world), limits::MAX_DEVICES_PER_USER);
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
fn sessions_of_devices_without_a_factor_leave_before_the_users_own() {
    let scene = scene();
    let Scene { world, phone, wallet, .. } = &scene;
    for _ in 0..2 * limits::MAX_SESSIONS_PER_USER {
        world.pass(1);
        Client::new("shop", "alice").login(world);
    }
    assert_eq!(sign_raw(world, phone, wallet, b"hello"), Ok(1));
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
