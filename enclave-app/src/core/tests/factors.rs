//! Factors and backups: what may change, and what must change together.

use super::device::{Held, activate, active, create};
use super::owner::{FACTORS, Made, backup, code_factor, passcode_factor, request};
use super::{Client, Owner, World};
use rand_core::OsRng;
use serde::Serialize;
use sharekeep_recovery::factor_set::{FactorSet, NewFactor, Waiver};
use sharekeep_recovery::{FactorSecret, FileKey, RecoverySeed};
use sharekeep_schemas::ProblemCode::{self, *};
use sharekeep_schemas::enclave::{RecordKey, Row};
use sharekeep_schemas::sealed::{
    BackupDeleted, BackupOpened, BackupStored, ChangeFactors, FactorsChanged, Plain, PutBackup,
    RecoveryOpened, SealedBackup, WalletChanged,
};
use sharekeep_schemas::{Protocol, Scheme, UserId, limits};

const FROST: (Scheme, Protocol) = (Scheme::EddsaEd25519, Protocol::Frost);

fn scene() -> (World, Client, Owner) {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let owner = Owner::sign_up(&world, &client);
    (world, client, owner)
}

fn sends(world: &World, client: &Client, payload: &ChangeFactors) -> Result<(), ProblemCode> {
    client.send::<FactorsChanged>(world, FACTORS, payload).map(|_| ())
}

#[track_caller]
fn refuses(
    world: &World,
    client: &Client,
    path: &str,
    payload: &impl Serialize,
    code: ProblemCode,
) {
    world.refuses(&client.request(world, path, payload), code);
}

fn file_factor(client: &Client, user: UserId) -> Made {
    let secret = FactorSecret::export_file(&FileKey::generate(&mut OsRng));
    Made { keys: secret.keys(&client.tenant, &user, super::owner::factor_id()), registration: None }
}

fn opened(world: &World, client: &Client) -> RecoveryOpened {
    client.plain(world, "/v1/recovery/open").unwrap()
}

#[test]
fn no_wallet_is_made_before_there_is_something_to_back_it_up_to() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    assert_eq!(create(&world, &client, FROST.0, FROST.1).err(), Some(BackupMissing));
    // Said under seal: a device forgets an unfinished change by it.
    let none = opened(&world, &client);
    assert!(none.statements.is_empty() && none.wraps.is_empty());
}

#[test]
fn a_wallet_becomes_active_with_its_backup_or_not_at_all() {
    let (world, client, owner) = scene();
    let (wallet, _) = create(&world, &client, FROST.0, FROST.1).unwrap();
    let path = format!("/v1/wallets/{}/activate", wallet.id);
    let good = owner.activation(&wallet);
    let changed = |change: fn(&mut SealedBackup)| {
        let mut payload = good.clone();
        change(&mut payload.backup);
        payload
    };
    for (payload, code) in [
        (changed(|b| b.version = 2), BackupStale),
        (changed(|b| b.version = 0), BackupStale),
        (changed(|b| b.epoch = 2), BackupStale),
        (changed(|b| b.generation = 2), BackupStale),
        (changed(|b| b.generation = 0), BackupStale),
        (changed(|b| b.wallet = sharekeep_schemas::WalletId::new([9; 16])), MalformedRequest),
        (changed(|b| b.sealed.clear()), MalformedRequest),
        (changed(|b| b.sealed = vec![0; limits::MAX_BACKUP_BYTES + 1]), TooLarge),
    ] {
        refuses(&world, &client, &path, &payload, code);
    }
    let answer = world.ask(&client.request(&world, &path, &good)).unwrap();
    // Wallet and backup, and the recovery key that decided.
    assert_eq!(answer.writes.len(), 3);
    world.commit(&answer.writes).unwrap();
    let first: WalletChanged = client.send(&world, &path, &good).unwrap();
    assert_eq!(first.status, sharekeep_schemas::WalletStatus::Active);
    refuses(&world, &client, &path, &changed(|b| b.sealed[0] ^= 1), WalletState);
}

#[test]
fn backups_follow_one_another_and_come_back_as_they_were() {
    let (world, client, _) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let path = format!("/v1/wallets/{}/backup", wallet.id);
    let put = |backup| PutBackup { version: 1, backup };
    for version in [1, 3] {
        refuses(&world, &client, &path, &put(backup(&wallet, 1, version)), BackupStale);
    }
    refuses(&world, &client, &path, &put(backup(&wallet, 2, 2)), BackupStale);
    let second = SealedBackup { sealed: vec![5; 900], ..backup(&wallet, 1, 2) };
    let stored: BackupStored = client.send(&world, &path, &put(second.clone())).unwrap();
    assert_eq!(stored.version, 2);
    let back: BackupOpened = client.plain(&world, &format!("{path}/open")).unwrap();
    assert_eq!(back.backup, second);
    let key = RecordKey::Backup { user: world.users()[0], wallet: wallet.id };
    let Row::Backup(row) = &world.store.borrow()[&key].row else { panic!() };
    assert_eq!((row.version, row.size), (2, 900));
}

#[test]
fn two_backups_at_once_have_one_winner() {
    let (world, client, _) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let path = format!("/v1/wallets/{}/backup", wallet.id);
    let payload = PutBackup { version: 1, backup: backup(&wallet, 1, 2) };
    let both = [0, 1].map(|_| world.ask(&client.request(&world, &path, &payload)).unwrap());
    assert!(world.commit(&both[0].writes).is_ok());
    assert!(world.commit(&both[1].writes).is_err());
}

#[test]
fn a_stolen_token_alone_cannot_put_garbage_in_place_of_a_backup() {
    let (world, client, _) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let thief = Client::new("shop", "alice");
    thief.login(&world);
    let path = format!("/v1/wallets/{}", wallet.id);
    let payload = PutBackup { version: 1, backup: backup(&wallet, 1, 2) };
    refuses(&world, &thief, &format!("{path}/backup"), &payload, WalletOnOtherDevice);
    for verb in ["archive", "backup/delete"] {
        let path = format!("{path}/{verb}");
        refuses(&world, &thief, &path, &Plain::default(), WalletOnOtherDevice);
    }
}

#[test]
fn a_backup_of_user_a_served_to_user_b_does_not_open() {
    let (world, client, _) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let owner = world.users()[0];
    let bytes =
        world.store.borrow()[&RecordKey::Backup { user: owner, wallet: wallet.id }].bytes.clone();
    let path = format!("/v1/wallets/{}/backup/open", wallet.id);
    for other in [Client::new("shop", "bob"), Client::new("bank", "alice")] {
        let user = other.login(&world).user;
        refuses(&world, &other, &path, &Plain::default(), NotFound);
        world.put(RecordKey::Backup { user, wallet: wallet.id }, bytes.to_vec());
        refuses(&world, &other, &path, &Plain::default(), RecordRefused);
    }
}

#[test]
fn only_the_backup_of_an_archived_wallet_is_deleted() {
    let (world, client, _) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let path = format!("/v1/wallets/{}", wallet.id);
    refuses(&world, &client, &format!("{path}/backup/delete"), &Plain::default(), WalletState);
    let _: WalletChanged = client.plain(&world, &format!("{path}/archive")).unwrap();
    let gone: BackupDeleted = client.plain(&world, &format!("{path}/backup/delete")).unwrap();
    assert_eq!(gone.version, 1);
    refuses(&world, &client, &format!("{path}/backup/open"), &Plain::default(), NotFound);
}

#[test]
fn a_factor_is_added_without_touching_the_others() {
    let (world, client, mut owner) = scene();
    let made = file_factor(&client, owner.user);
    owner.add(&world, &client, &[&made]).unwrap();
    let opened = opened(&world, &client);
    assert_eq!((opened.statements.len(), opened.wraps.len()), (1, 2));
    // A passcode's sealed seed is not handed out.
    let passcode = passcode_factor(&world, &client, owner.user, "pass").unwrap();
    owner.add(&world, &client, &[&passcode]).unwrap();
    assert_eq!(self::opened(&world, &client).wraps.len(), 2);
    assert_eq!(
        world
            .store
            .borrow()
            .keys()
            .filter(|key| { matches!(key, RecordKey::PasscodeDraft { .. }) })
            .count(),
        0
    );
}

#[test]
fn a_change_that_is_not_as_signed_is_refused() {
    let (world, client, owner) = scene();
    let made = file_factor(&client, owner.user);
    let change = owner.amended(&[&made]);
    let good = request(&change, &[&made], vec![]);
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let stranger = RecoverySeed::generate(&mut OsRng);
    let new = NewFactor { keys: &made.keys, label: None };
    let forged = FactorSet::first(
        &client.tenant,
        &owner.user,
        &stranger,
        &[new],
        Waiver::NotGiven,
        &mut OsRng,
    )
    .unwrap();
    let mut swapped = good.clone();
    swapped.wraps[0].wrapped_seed[40] ^= 1;
    let mut missing = good.clone();
    missing.wraps.clear();
    let mut twice = good.clone();
    twice.wraps.push(twice.wraps[0].clone());
    let mut registered = good.clone();
    registered.wraps[0].registration = Some(vec![0; 192]);
    let mut edited = good.clone();
    let middle = edited.statement.len() / 2;
    edited.statement[middle] ^= 1;
    let with_backup = ChangeFactors { backups: vec![backup(&wallet, 1, 2)], ..good.clone() };
    let forged = request(&forged, &[&made], vec![]);
    for payload in [swapped, missing, twice, registered, edited, with_backup, forged] {
        refuses(&world, &client, FACTORS, &payload, FactorsRefused);
    }
    assert_eq!(sends(&world, &client, &good), Ok(()));
    // The same list again: its answer was lost.
    assert_eq!(sends(&world, &client, &good), Ok(()));
}

#[test]
fn a_passcode_alone_needs_the_users_waiver() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let user = client.login(&world).user;
    let passcode = passcode_factor(&world, &client, user, "pass").unwrap();
    let code = code_factor(&client, user);
    let owner =
        Owner::with(&world, &client, user, &[&passcode, &code], Waiver::PasscodeAlone).unwrap();
    // Removing the code leaves the passcode alone, which was waived.
    let (change, _) = owner.rotated(&[code.keys.place().id], &[]);
    assert_eq!(sends(&world, &client, &request(&change, &[], vec![])), Ok(()));
}

#[test]
fn a_registration_of_another_user_or_none_is_refused() {
    let (world, client, owner) = scene();
    let bob = Client::new("shop", "bob");
    let user = bob.login(&world).user;
    let of_bob = passcode_factor(&world, &bob, user, "pass").unwrap();
    let place = of_bob.keys.place().id;
    let mine = passcode_factor(&world, &client, owner.user, "pass").unwrap();
    let change = owner.amended(&[&mine]);
    let payload = request(&change, &[&mine], vec![]);
    let draft = RecordKey::PasscodeDraft { user: owner.user, factor: mine.keys.place().id };
    let theirs = RecordKey::PasscodeDraft { user, factor: place };
    let bytes = world.store.borrow()[&theirs].bytes.clone();
    let own = world.store.borrow()[&draft].clone();
    world.put(draft.clone(), bytes.into_vec());
    refuses(&world, &client, FACTORS, &payload, RecordRefused);
    world.store.borrow_mut().remove(&draft);
    refuses(&world, &client, FACTORS, &payload, FactorsRefused);
    world.store.borrow_mut().insert(draft, own);
    world.pass(899);
    assert_eq!(sends(&world, &client, &payload), Ok(()));
}

#[test]
fn a_late_registration_is_refused() {
    let (world, client, owner) = scene();
    let mine = passcode_factor(&world, &client, owner.user, "pass").unwrap();
    let payload = request(&owner.amended(&[&mine]), &[&mine], vec![]);
    world.pass(901);
    let later = client.again();
    later.login(&world);
    refuses(&world, &later, FACTORS, &payload, FactorsRefused);
}

#[test]
fn two_changes_at_once_have_one_winner() {
    let (world, client, owner) = scene();
    let made = [0, 1].map(|_| file_factor(&client, owner.user));
    let payloads = made.each_ref().map(|made| request(&owner.amended(&[made]), &[made], vec![]));
    let both = payloads
        .each_ref()
        .map(|payload| world.ask(&client.request(&world, FACTORS, payload)).unwrap());
    world.commit(&both[0].writes).unwrap();
    assert!(world.commit(&both[1].writes).is_err());
    // The loser reads the list again.
    refuses(&world, &client, FACTORS, &payloads[1], FactorsRefused);
}

fn rotation(owner: &Owner, backups: &[(&Held, u64)]) -> ChangeFactors {
    let removed = owner.set.factors[0].id;
    let (change, _) = owner.rotated(&[removed], &[]);
    let backups = backups.iter().map(|(held, version)| backup(held, 2, *version)).collect();
    request(&change, &[], backups)
}

#[test]
fn a_removed_factor_opens_nothing_that_is_stored_afterwards() {
    let (world, client, mut owner) = scene();
    let wallets = [0, 1].map(|_| active(&world, &client, FROST.0, FROST.1));
    let (pending, _) = create(&world, &client, FROST.0, FROST.1).unwrap();
    owner.add(&world, &client, &[&file_factor(&client, owner.user)]).unwrap();
    let removed = owner.set.factors[0].id;
    let [one, two] = &wallets;
    let refused = |backups: &[(&Held, u64)], code| {
        refuses(&world, &client, FACTORS, &rotation(&owner, backups), code);
    };
    refused(&[], BackupMissing);
    refused(&[(one, 2)], BackupMissing);
    refused(&[(one, 2), (two, 1)], BackupStale);
    refused(&[(one, 2), (one, 2)], FactorsRefused);
    refused(&[(one, 2), (two, 2), (&pending, 1)], FactorsRefused);
    let mut partial = rotation(&owner, &[(one, 2), (two, 2)]);
    partial.wraps.clear();
    refuses(&world, &client, FACTORS, &partial, FactorsRefused);
    let mut stale = rotation(&owner, &[(one, 2), (two, 2)]);
    stale.backups[0].generation = 1;
    refuses(&world, &client, FACTORS, &stale, BackupStale);

    assert_eq!(sends(&world, &client, &rotation(&owner, &[(one, 2), (two, 2)])), Ok(()));
    let key = RecordKey::Factor { user: owner.user, factor: removed };
    assert!(!world.store.borrow().contains_key(&key));
    assert_eq!(opened(&world, &client).wraps.len(), 1);
    // What is sealed to the old key is not taken any more.
    assert_eq!(activate(&world, &client, &pending).err(), Some(BackupStale));
}

#[test]
fn the_last_factor_cannot_go_and_a_backup_that_is_hidden_is_missed() {
    let (world, client, mut owner) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    owner.add(&world, &client, &[&file_factor(&client, owner.user)]).unwrap();
    let key = RecordKey::Backup { user: owner.user, wallet: wallet.id };
    let hidden = world.store.borrow_mut().remove(&key).unwrap();
    refuses(&world, &client, FACTORS, &rotation(&owner, &[]), RecordRefused);
    world.store.borrow_mut().insert(key, hidden);
    assert_eq!(sends(&world, &client, &rotation(&owner, &[(&wallet, 2)])), Ok(()));
}

#[test]
fn a_first_backup_and_a_change_of_the_recovery_key_at_once_have_one_winner() {
    for rotation_first in [true, false] {
        let (world, client, mut owner) = scene();
        owner.add(&world, &client, &[&file_factor(&client, owner.user)]).unwrap();
        let (wallet, _) = create(&world, &client, FROST.0, FROST.1).unwrap();
        let path = format!("/v1/wallets/{}/activate", wallet.id);
        let activation =
            world.ask(&client.request(&world, &path, &owner.activation(&wallet))).unwrap();
        let rotation = world.ask(&client.request(&world, FACTORS, &rotation(&owner, &[]))).unwrap();
        if rotation_first {
            world.commit(&rotation.writes).unwrap();
            assert!(world.commit(&activation.writes).is_err());
        } else {
            world.commit(&activation.writes).unwrap();
            // The change did not see this backup, which is sealed to the old key.
            assert!(world.commit(&rotation.writes).is_err());
        }
    }
}

#[test]
fn an_older_recovery_record_does_not_bring_a_removed_factor_back() {
    let (world, client, mut owner) = scene();
    owner.add(&world, &client, &[&file_factor(&client, owner.user)]).unwrap();
    let before = world.store.borrow().clone();
    assert_eq!(sends(&world, &client, &rotation(&owner, &[])), Ok(()));
    opened(&world, &client);
    *world.store.borrow_mut() = before;
    refuses(&world, &client, "/v1/recovery/open", &Plain::default(), Conflict);
}

#[test]
fn the_largest_change_fits_one_request_and_one_transaction() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let user = client.login(&world).user;
    let made: Vec<_> = (0..limits::MAX_FACTORS_PER_USER)
        .map(|_| passcode_factor(&world, &client, user, "pass").unwrap())
        .collect();
    let first: Vec<_> = made.iter().collect();
    let owner = Owner::with(&world, &client, user, &first, Waiver::PasscodeAlone).unwrap();
    let wallets: Vec<_> = (0..limits::MAX_WALLETS_PER_USER)
        .map(|_| active(&world, &client, FROST.0, FROST.1))
        .collect();
    assert_eq!(create(&world, &client, FROST.0, FROST.1).err(), Some(TooMany));
    // All factors go and as many others come.
    let others: Vec<_> = (0..limits::MAX_FACTORS_PER_USER)
        .map(|_| passcode_factor(&world, &client, user, "pass").unwrap())
        .collect();
    let gone: Vec<_> = owner.set.factors.iter().map(|factor| factor.id).collect();
    let others: Vec<_> = others.iter().collect();
    let (change, _) = owner.rotated(&gone, &others);
    let backups = wallets.iter().map(|wallet| SealedBackup {
        sealed: vec![7; limits::MAX_BACKUP_BYTES],
        ..backup(wallet, 2, 2)
    });
    let payload = request(&change, &others, backups.collect());
    let answer = world.ask(&client.request(&world, FACTORS, &payload)).unwrap();
    assert!(answer.writes.len() <= limits::MAX_WRITES_PER_COMMIT, "{}", answer.writes.len());
    world.commit(&answer.writes).unwrap();
}
