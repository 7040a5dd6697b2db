//! How many guesses a passcode has, and what holds once they are spent.

use super::device::{activate, create};
use super::guesses::{LONG_S, RIGHT, Scene, scene};
use super::owner::{FACTORS, code_factor, guess, passcode_factor, request};
use super::{Client, Owner, World};
use sharekeep_recovery::factor_set::Waiver;
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::enclave::Row;
use sharekeep_schemas::sealed::FactorsChanged;
use sharekeep_schemas::{Protocol, Scheme};

/// A user who has a passcode and nothing else.
fn passcode_alone() -> Scene {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let user = client.login(&world).user;
    let passcode = passcode_factor(&world, &client, user, RIGHT).unwrap();
    let factor = passcode.keys.place().id;
    let waiver = Waiver::PasscodeAlone;
    let owner = Owner::with(&world, &client, user, &[&passcode], waiver).unwrap();
    Scene { world, client, owner, factor }
}

#[test]
fn a_passcode_has_as_many_guesses_as_its_user_chose() {
    let mut scene = scene();
    let Scene { world, client, owner, .. } = &scene;
    let made = passcode_factor(world, client, owner.user, RIGHT).unwrap();
    let change = owner.amended(&[&made]);
    let mut payload = request(&change, &[&made], vec![]);
    payload.wraps[0].guess_limit = Some(0);
    world.refuses(&client.request(world, FACTORS, &payload), FactorsRefused);
    payload.wraps[0].guess_limit = Some(3);
    let _: FactorsChanged = client.send(world, FACTORS, &payload).unwrap();
    scene.factor = made.keys.place().id;
    for left in [2, 1, 0] {
        assert_eq!(scene.wrong(), Ok(left));
    }
    assert_eq!(scene.right(), Err(GuessesSpent));
}

#[test]
fn a_limit_of_guesses_belongs_to_a_passcode() {
    let scene = scene();
    let Scene { world, client, owner, .. } = &scene;
    let made = code_factor(client, owner.user);
    let mut payload = request(&owner.amended(&[&made]), &[&made], vec![]);
    payload.wraps[0].guess_limit = Some(3);
    world.refuses(&client.request(world, FACTORS, &payload), FactorsRefused);
}

#[test]
fn where_wrong_guesses_destroyed_every_factor_nothing_more_is_backed_up_to_them() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let user = client.login(&world).user;
    let passcode = passcode_factor(&world, &client, user, RIGHT).unwrap();
    let code = code_factor(&client, user);
    let factor = passcode.keys.place().id;
    let waiver = Waiver::PasscodeAlone;
    let owner = Owner::with(&world, &client, user, &[&passcode, &code], waiver).unwrap();
    let scene = Scene { world, client, owner, factor };
    let pending = create(&scene.world, &scene.session(), Scheme::EddsaEd25519, Protocol::Frost);
    assert!(pending.is_ok());
    // The last guess is spent; what destroys the record would be one more.
    for left in (0..10).rev() {
        assert_eq!(scene.wrong(), Ok(left));
        scene.world.pass(LONG_S);
    }
    // The code is what is left, and can't go.
    let (change, _) = scene.owner.rotated(&[code.keys.place().id], &[]);
    let payload = request(&change, &[], vec![]);
    let client = scene.session();
    scene.world.refuses(&client.request(&scene.world, FACTORS, &payload), FactorsRefused);
    assert!(create(&scene.world, &client, Scheme::EddsaEd25519, Protocol::Frost).is_ok());
}

#[test]
fn no_wallet_is_made_or_activated_once_every_factor_is_destroyed() {
    let scene = passcode_alone();
    let frost = (Scheme::EddsaEd25519, Protocol::Frost);
    let (pending, _) = create(&scene.world, &scene.client, frost.0, frost.1).unwrap();
    for left in (0..10).rev() {
        assert_eq!(scene.wrong(), Ok(left));
        scene.world.pass(LONG_S);
    }
    let client = scene.session();
    assert_eq!(create(&scene.world, &client, frost.0, frost.1).err(), Some(BackupMissing));
    assert_eq!(activate(&scene.world, &client, &pending).err(), Some(BackupMissing));
    // Destroyed on record, and in a life that remembers nothing.
    assert_eq!(scene.right(), Err(GuessesSpent));
    assert_eq!(create(&scene.world, &client, frost.0, frost.1).err(), Some(BackupMissing));
}

#[test]
fn guesses_that_were_never_committed_count_when_a_wallet_is_made() {
    let scene = passcode_alone();
    for _ in 0..10 {
        let session = scene.session();
        scene.world.ask(&scene.attempt(&session)).unwrap();
        scene.world.pass(LONG_S);
    }
    let client = scene.session();
    let frost = (Scheme::EddsaEd25519, Protocol::Frost);
    assert_eq!(create(&scene.world, &client, frost.0, frost.1).err(), Some(BackupMissing));
}

#[test]
fn a_list_and_factors_of_two_moments_are_a_conflict_and_no_last_word() {
    let scene = scene();
    scene.world.store.borrow_mut().remove(&scene.key());
    let frost = (Scheme::EddsaEd25519, Protocol::Frost);
    assert_eq!(create(&scene.world, &scene.client, frost.0, frost.1).err(), Some(Conflict));
}

#[test]
fn a_decoy_where_a_new_factor_goes_is_replaced_by_it() {
    let mut scene = scene();
    let Scene { world, client, owner, .. } = &scene;
    let made = passcode_factor(world, client, owner.user, RIGHT).unwrap();
    let place = made.keys.place().id;
    // Whoever sees the registration's path guesses at it before it is there.
    assert!(guess(world, client, place, "wrong").is_ok());
    let payload = request(&owner.amended(&[&made]), &[&made], vec![]);
    let _: FactorsChanged = client.send(world, FACTORS, &payload).unwrap();
    scene.factor = place;
    assert!(matches!(scene.stored().row, Row::Factor(_)));
    assert!(scene.right().is_ok());
}
