//! The limit on guesses against everybody who would like one more.

use super::client::open;
use super::device::active;
use super::owner::{
    FACTORS, backup, binding, code_factor, factor_id, finish, guess, passcode_factor, request,
    unlock,
};
use super::{Client, Owner, World};
use rand_core::OsRng;
use sharekeep_recovery::factor_set::Waiver;
use sharekeep_recovery::passcode::{KE2_BYTES, Passcode, PasscodeLogin};
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::enclave::{HttpRequest, Put, RecordKey, Row};
use sharekeep_schemas::sealed::{
    FactorsChanged, FinishGuess, GuessFinished, GuessStarted, Plain, StartGuess,
};
use sharekeep_schemas::{EventKind, FactorId, ProblemCode, Protocol, Scheme};

pub(super) const RIGHT: &str = "correct horse";
/// Longer than any wait of the first ten guesses.
pub(super) const LONG_S: u64 = 3_000;

pub(super) struct Scene {
    pub(super) world: World,
    pub(super) client: Client,
    pub(super) owner: Owner,
    pub(super) factor: FactorId,
}

pub(super) fn scene() -> Scene {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let user = client.login(&world).user;
    let code = code_factor(&client, user);
    let passcode = passcode_factor(&world, &client, user, RIGHT).unwrap();
    let factor = passcode.keys.place().id;
    let owner = Owner::with(&world, &client, user, &[&code, &passcode], Waiver::NotGiven).unwrap();
    Scene { world, client, owner, factor }
}

impl Scene {
    pub(super) fn key(&self) -> RecordKey {
        RecordKey::Factor { user: self.owner.user, factor: self.factor }
    }

    pub(super) fn stored(&self) -> Put {
        self.world.store.borrow()[&self.key()].clone()
    }

    /// The same device with a session that has not expired.
    pub(super) fn session(&self) -> Client {
        let client = self.client.again();
        client.login(&self.world);
        client
    }

    pub(super) fn path(&self) -> String {
        format!("/v1/factors/{}/guess", self.factor)
    }

    pub(super) fn attempt(&self, client: &Client) -> HttpRequest {
        client.request(&self.world, &self.path(), &start("wrong"))
    }

    pub(super) fn wrong(&self) -> Result<u32, ProblemCode> {
        let client = self.session();
        guess(&self.world, &client, self.factor, "wrong").map(|(started, _)| started.guesses_left)
    }

    pub(super) fn right(&self) -> Result<GuessFinished, ProblemCode> {
        let client = self.session();
        unlock(&self.world, &client, self.owner.user, self.factor, RIGHT)
    }

    pub(super) fn events(&self, kind: EventKind) -> usize {
        let store = self.world.store.borrow();
        store.values().filter(|put| matches!(&put.row, Row::Event(row) if row.kind == kind)).count()
    }
}

fn start(text: &str) -> StartGuess {
    let (_, ke1) = PasscodeLogin::start(Passcode::new(text).unwrap(), &mut OsRng).unwrap();
    StartGuess { version: 1, ke1: ke1.to_vec() }
}

#[test]
fn the_right_passcode_gives_the_sealed_seed_and_all_guesses_back() {
    let scene = scene();
    assert_eq!(scene.wrong(), Ok(9));
    assert_eq!(scene.wrong(), Ok(8));
    assert_eq!(scene.events(EventKind::PasscodeGuessed), 2);
    let finished = scene.right().unwrap();
    let factor = scene.owner.set.factor(scene.factor).unwrap();
    assert_eq!(sharekeep_recovery::wrap_hash(&finished.wrapped_seed), factor.wrap_hash);
    // A right one is told too, as what it is.
    assert_eq!(scene.events(EventKind::PasscodeGuessed), 2);
    assert_eq!(scene.events(EventKind::RecoveryUnlocked), 1);
    assert_eq!(scene.wrong(), Ok(9));
}

#[test]
fn a_function_that_never_commits_and_releases_everything_gets_ten_guesses() {
    let scene = scene();
    let mut answered = 0;
    for _ in 0..25 {
        let session = scene.session();
        match scene.world.ask(&scene.attempt(&session)) {
            Ok(_) => answered += 1,
            Err(refused) => assert!(matches!(refused.code, GuessTooEarly | GuessesSpent)),
        }
        scene.world.pass(LONG_S);
    }
    assert_eq!(answered, 10);
    // The record was never touched, and is destroyed as soon as anything is committed.
    assert_eq!(scene.right(), Err(GuessesSpent));
    assert_eq!(scene.stored().version, 2);
    assert_eq!(scene.events(EventKind::PasscodeDestroyed), 1);
}

#[test]
fn an_old_factor_record_presented_to_a_living_enclave_gives_no_fresh_guesses() {
    let scene = scene();
    let fresh = scene.stored();
    for left in (0..10).rev() {
        assert_eq!(scene.wrong(), Ok(left));
        scene.world.store.borrow_mut().insert(scene.key(), fresh.clone());
        scene.world.pass(LONG_S);
    }
    assert_eq!(scene.wrong(), Err(GuessesSpent));
    // Destroyed stays destroyed, whatever record is brought.
    scene.world.store.borrow_mut().insert(scene.key(), fresh.clone());
    assert_eq!(scene.right(), Err(GuessesSpent));
}

#[test]
fn a_record_ahead_of_memory_wins() {
    let mut scene = scene();
    for left in [9, 8, 7] {
        assert_eq!(scene.wrong(), Ok(left));
    }
    scene.world.restart();
    scene.world.pass(121);
    assert_eq!(scene.wrong(), Ok(6));
}

#[test]
fn all_guesses_spent_destroys_what_passcodes_are_checked_with() {
    let mut scene = scene();
    let before = scene.stored();
    for left in (0..10).rev() {
        assert_eq!(scene.wrong(), Ok(left));
        scene.world.pass(LONG_S);
    }
    assert_eq!(scene.right(), Err(GuessesSpent));
    assert_eq!(scene.events(EventKind::PasscodeDestroyed), 1);
    scene.world.restart();
    scene.world.pass(121);
    assert_eq!(scene.right(), Err(GuessesSpent));
    assert_eq!(scene.stored().bytes.len(), before.bytes.len());
}

#[test]
fn the_sixth_guess_waits_and_waiting_costs_nothing() {
    let scene = scene();
    for left in [9, 8, 7, 6, 5] {
        assert_eq!(scene.wrong(), Ok(left));
    }
    let session = scene.session();
    let refused = scene.world.ask(&scene.attempt(&session)).unwrap_err();
    assert_eq!((refused.code, refused.retry_after_s), (GuessTooEarly, Some(60)));
    scene.world.refuses(&scene.attempt(&session), GuessTooEarly);
    scene.world.pass(60);
    assert_eq!(scene.wrong(), Ok(4));
}

#[test]
fn the_same_ke1_is_charged_once() {
    let scene = scene();
    let payload = start(RIGHT);
    for _ in 0..4 {
        let answer: GuessStarted =
            scene.client.send(&scene.world, &scene.path(), &payload).unwrap();
        assert_eq!(answer.guesses_left, 9);
    }
    assert_eq!(scene.events(EventKind::PasscodeGuessed), 1);
    // Another one between makes it another guess.
    assert_eq!(scene.wrong(), Ok(8));
    let answer: GuessStarted = scene.client.send(&scene.world, &scene.path(), &payload).unwrap();
    assert_eq!(answer.guesses_left, 7);
}

#[test]
fn what_is_malformed_costs_no_guess() {
    let scene = scene();
    let none = |ke1| StartGuess { version: 1, ke1 };
    for payload in [none(vec![]), none(vec![0; 96]), none(vec![0xff; 96]), none(vec![1; 97])] {
        let http = scene.client.request(&scene.world, &scene.path(), &payload);
        scene.world.refuses(&http, MalformedRequest);
    }
    assert_eq!(scene.wrong(), Ok(9));
}

#[test]
fn a_passcode_that_does_not_exist_costs_as_much_and_looks_the_same() {
    let scene = scene();
    let decoy = Scene { factor: factor_id(), ..self::scene() };
    let mut bodies = vec![];
    for scene in [&scene, &decoy] {
        let http = scene.attempt(&scene.client);
        let answer = scene.world.ask(&http).unwrap();
        scene.world.commit(&answer.writes).unwrap();
        bodies.push((answer.body.len(), answer.writes.len(), scene.stored().bytes.len()));
    }
    assert_eq!(bodies[0], bodies[1]);
    // It is never listed, and ends by itself.
    assert_eq!(decoy.stored().row, Row::Empty);
    assert!(decoy.stored().expires_at_unix_s.is_some());
    for left in (0..9).rev() {
        let (started, _) = guess(&decoy.world, &decoy.session(), decoy.factor, "wrong").unwrap();
        assert_eq!((started.guesses_left, started.ke2.len()), (left, KE2_BYTES));
        decoy.world.pass(LONG_S);
    }
    assert_eq!(decoy.wrong(), Err(GuessesSpent));
    let unfinished = finish(&decoy.world, &decoy.session(), decoy.factor, vec![7; 64]);
    assert_eq!(unfinished, Err(GuessRefused));
}

#[test]
fn a_guess_is_finished_once_by_its_session_and_in_time() {
    let scene = scene();
    let Scene { world, client, owner, factor } = &scene;
    let begun = |client: &Client| {
        let (started, login) = guess(world, client, *factor, RIGHT).unwrap();
        let binding = binding(client, &owner.user, *factor);
        login.finish(&started.ke2, &binding, &mut OsRng).unwrap().0.to_vec()
    };
    // Another session has the right KE3.
    let ke3 = begun(client);
    assert_eq!(finish(world, &scene.session(), *factor, ke3.clone()), Err(GuessRefused));
    // Wrong first: then the right one comes too late.
    assert_eq!(finish(world, client, *factor, vec![1; 64]), Err(GuessRefused));
    assert_eq!(finish(world, client, *factor, ke3.clone()), Err(GuessRefused));
    // Another guess's KE3.
    let fresh = begun(client);
    assert_eq!(finish(world, client, *factor, ke3), Err(GuessRefused));
    assert_eq!(finish(world, client, *factor, fresh), Err(GuessRefused));
    // Late.
    let late = begun(client);
    world.pass(121);
    assert_eq!(finish(world, client, *factor, late), Err(GuessRefused));
    // Nothing of this gave a guess back.
    assert_eq!(scene.wrong(), Ok(6));
}

#[test]
fn a_right_guess_whose_answer_is_lost_is_answered_again_to_the_very_same_request() {
    let scene = scene();
    let Scene { world, client, owner, factor } = &scene;
    let (started, login) = guess(world, client, *factor, RIGHT).unwrap();
    let binding = binding(client, &owner.user, *factor);
    let (ke3, _) = login.finish(&started.ke2, &binding, &mut OsRng).unwrap();
    let payload = FinishGuess { version: 1, ke3: ke3.to_vec() };
    let path = format!("{}/finish", scene.path());
    let (sealed, opener) = client.seal(world, &path, &payload);
    assert!(world.ask(&client.sign(world, &sealed)).is_ok());
    let body = world.serve(&client.sign(world, &sealed)).unwrap();
    let _: GuessFinished = open(&opener, &body);
    // The same KE3 in another seal is somebody's replay.
    world.refuses(&client.request(world, &path, &payload), GuessRefused);
}

#[test]
fn one_enclave_at_a_time_serves_a_passcode() {
    let mut scene = scene();
    assert_eq!(scene.wrong(), Ok(9));
    let other = scene.world.another_life();
    let first = std::mem::replace(&mut scene.world.core, other);
    let session = scene.session();
    let refused = scene.world.ask(&scene.attempt(&session)).unwrap_err();
    assert_eq!((refused.code, refused.retry_after_s), (FactorLeased, Some(120)));
    scene.world.pass(120);
    assert_eq!(scene.wrong(), Ok(8));
    // And now it is the other one's.
    scene.world.core = first;
    assert_eq!(scene.wrong(), Err(FactorLeased));
}

#[test]
fn a_guess_that_races_a_removal_of_the_passcode_has_one_winner() {
    for removal_first in [true, false] {
        let scene = scene();
        let (change, _) = scene.owner.rotated(&[scene.factor], &[]);
        let payload = request(&change, &[], vec![]);
        let removal =
            scene.world.ask(&scene.client.request(&scene.world, FACTORS, &payload)).unwrap();
        let guess = scene.world.ask(&scene.attempt(&scene.client)).unwrap();
        let (first, second) = if removal_first { (removal, guess) } else { (guess, removal) };
        scene.world.commit(&first.writes).unwrap();
        let store = scene.world.store.borrow().clone();
        assert!(scene.world.commit(&second.writes).is_err());
        assert!(*scene.world.store.borrow() == store);
    }
}

#[test]
fn a_factor_record_of_another_user_or_factor_is_refused() {
    let scene = scene();
    let bob = Client::new("shop", "bob");
    let user = bob.login(&scene.world).user;
    let mine = RecordKey::Factor { user, factor: scene.factor };
    scene.world.put(mine, scene.stored().bytes.into_vec());
    scene.world.refuses(&scene.attempt(&bob), RecordRefused);
    let other = Scene { factor: factor_id(), ..scene };
    let bytes = other.world.store.borrow()[&RecordKey::Recovery(other.owner.user)].bytes.clone();
    other.world.put(other.key(), bytes.into_vec());
    other.world.refuses(&other.attempt(&other.client), RecordRefused);
}

#[test]
fn a_removed_passcode_and_an_older_backup_that_a_store_brings_back_open_nothing() {
    let mut scene = scene();
    let wallet = active(&scene.world, &scene.client, Scheme::EddsaEd25519, Protocol::Frost);
    let backup_key = RecordKey::Backup { user: scene.owner.user, wallet: wallet.id };
    let (passcode, old) = (scene.stored(), scene.world.store.borrow()[&backup_key].clone());
    // A guess that was begun before the passcode is removed.
    let Scene { world, client, owner, factor } = &scene;
    let (started, login) = guess(world, client, *factor, RIGHT).unwrap();
    let (ke3, _) =
        login.finish(&started.ke2, &binding(client, &owner.user, *factor), &mut OsRng).unwrap();
    let (change, _) = owner.rotated(&[*factor], &[]);
    let payload = request(&change, &[], vec![backup(&wallet, 2, 2)]);
    let _: FactorsChanged = client.send(world, FACTORS, &payload).unwrap();
    world.store.borrow_mut().insert(scene.key(), passcode.clone());
    world.store.borrow_mut().insert(backup_key.clone(), old.clone());
    let open_backup = format!("/v1/wallets/{}/backup/open", wallet.id);
    assert_eq!(finish(world, client, *factor, ke3.to_vec()), Err(Conflict));
    for _ in 0..2 {
        assert_eq!(scene.wrong(), Err(Conflict));
        let session = scene.session();
        let http = session.request(&scene.world, &open_backup, &Plain::default());
        scene.world.refuses(&http, Conflict);
        // The same in a life that knows nothing.
        scene.world.restart();
        scene.world.store.borrow_mut().insert(scene.key(), passcode.clone());
    }
}
