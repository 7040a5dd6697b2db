//! Several enclaves at once: who is sent where, and what one that leaves still does.

use sharekeep_enclave_app::Limits;
use sharekeep_local::stack::StackOptions;
use sharekeep_schemas::fleet::{self, KEPT_FOR};
use sharekeep_schemas::sealed::{CeremonyAnswer, GuessStarted};
use sharekeep_schemas::{CeremonyState, EnclaveKeyId, FactorId, ProblemCode};
use sharekeep_tests::hostile::HostileFunction;
use sharekeep_tests::message::note;
use sharekeep_tests::user::attest;
use sharekeep_tests::{Deployment, Phone, Site, User};
use std::num::NonZeroU8;
use std::time::Duration;

const RIGHT: &str = "1234";
/// A limit that is reached before the waiting begins.
const FEW: u8 = 3;
/// How long a passcode stays with an enclave, in seconds.
const LEASE_S: u64 = 4;
/// Longer than any ceremony here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// After this every function knows what a host wrote before.
const NOTICED: Duration = KEPT_FOR.saturating_add(Duration::from_secs(2));

pub(crate) fn of_two(limits: Option<Limits>) -> StackOptions {
    StackOptions { limits, further_enclaves: 1, ..StackOptions::default() }
}

async fn two_enclaves(limits: Option<Limits>) -> Deployment {
    Deployment::start_with(of_two(limits)).await
}

fn few_guesses(guess_lease_s: u64) -> Option<Limits> {
    let guess_limit = NonZeroU8::new(FEW).unwrap();
    Some(Limits { primes: 0, guess_limit, guess_lease_s, ..Limits::default() })
}

fn keys(deployment: &Deployment) -> [EnclaveKeyId; 2] {
    let keys: Vec<_> = deployment.stack.enclave_keys().into_iter().flatten().collect();
    keys.try_into().unwrap()
}

fn key_of(user: &User<'_>) -> EnclaveKeyId {
    EnclaveKeyId::new(*user.enclave.enclave_key.id().as_bytes())
}

/// Has a user talk to this enclave from now on.
async fn send_to(user: &mut User<'_>, key: EnclaveKeyId) {
    for _ in 0..200 {
        if key_of(user) == key {
            return;
        }
        user.enclave = attest(user.deployment).await;
    }
    panic!("that enclave is never chosen");
}

/// How many enclaves stand in the table.
fn registered(deployment: &Deployment) -> usize {
    let dump = deployment.world().database().unwrap().dump().unwrap();
    let (_, rows) = dump.iter().find(|(table, _)| table.ends_with(fleet::TABLE)).unwrap();
    rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enclave_that_is_drained_ends_its_ceremony_and_new_ones_go_to_the_other() {
    let deployment = two_enclaves(None).await;
    let mut alice = User::signed_in(&deployment, "alice").await;
    let [leaving, staying] = keys(&deployment);
    send_to(&mut alice, leaving).await;
    let wallet = alice.create_wallet().await;
    let mut running = alice.start_sign(&wallet, &note("begun before"));
    let started: CeremonyAnswer = running.start.open(&running.start.send(&deployment).await);

    let drained = deployment.stack.drain_host(0, PATIENCE);
    let story = async {
        tokio::time::sleep(NOTICED).await;
        let refused = alice.start_sign(&wallet, &note("too late")).start.send(&deployment).await;
        assert_eq!(refused.problem(), ProblemCode::EnclaveKeyUnknown);
        for _ in 0..8 {
            let bob = User::arrive(&deployment, "bob").await;
            assert_eq!(key_of(&bob), staying);
        }
        let mut answer = started;
        while let Some(post) = alice.next_step(&mut running, &answer) {
            answer = post.open(&post.send(&deployment).await);
        }
        assert_eq!(answer.state, CeremonyState::Complete);
        tokio::time::Instant::now()
    };
    let (ended, drained) = tokio::join!(story, async {
        drained.await;
        tokio::time::Instant::now()
    });
    // It waited for the ceremony, and for no more.
    assert!(drained > ended && drained - ended < PATIENCE / 2);
    assert_eq!(registered(&deployment), 1);
    // Same session, same wallet, another enclave.
    send_to(&mut alice, staying).await;
    alice.sign(&wallet, &note("after")).await;
}

/// Signs while the host of the enclave that it knows is told to stop.
pub(crate) async fn device_goes_on(deployment: Deployment) {
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    phone.set_up_with_passcode(RIGHT).await;
    let wallet = phone.create_frost().await;
    let attested = phone.client.attest().await.unwrap().enclave_key;
    let attested = EnclaveKeyId::new(*attested.id().as_bytes());
    let number = keys(&deployment).iter().position(|key| *key == attested).unwrap();
    tokio::join!(deployment.stack.drain_host(number, PATIENCE), async {
        tokio::time::sleep(NOTICED).await;
        phone.sign(wallet, &note("while it leaves")).await;
    });
    phone.sign(wallet, &note("when it is gone")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_goes_on_by_itself_when_its_enclave_leaves() {
    device_goes_on(two_enclaves(None).await).await;
}

#[tokio::test]
async fn an_enclave_that_died_without_a_word_leaves_the_other_to_everybody() {
    let mut deployment = two_enclaves(None).await;
    let [_, staying] = keys(&deployment);
    deployment.stack.stop_enclave().await;
    for _ in 0..8 {
        let alice = User::arrive(&deployment, "alice").await;
        assert_eq!(key_of(&alice), staying);
    }
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    alice.sign(&wallet, &note("by the one that is left")).await;
}

async fn with_a_passcode<'d>(deployment: &'d Deployment) -> (User<'d>, FactorId) {
    let user = User::newcomer(deployment, "alice").await;
    let made = user.passcode_factor(RIGHT).await;
    user.set_up_recovery(&[&user.code_factor(), &made]).await;
    (user, made.id())
}

#[tokio::test]
async fn guesses_at_two_enclaves_are_as_many_as_at_one() {
    let deployment = two_enclaves(few_guesses(LEASE_S)).await;
    let (mut alice, factor) = with_a_passcode(&deployment).await;
    let keys = keys(&deployment);
    let (mut answered, mut leased) = (0, 0);
    for turn in 0..2 * FEW {
        send_to(&mut alice, keys[usize::from(turn) % 2]).await;
        let refused = loop {
            let guess = alice.guess(factor, "4321").post;
            let answer = guess.send(&deployment).await;
            if answer.status == 200 {
                let started: GuessStarted = guess.open(&answer);
                answered += 1;
                assert_eq!(started.guesses_left, u32::from(FEW - answered));
                break None;
            }
            match answer.problem() {
                // One enclave at a time serves a passcode.
                ProblemCode::FactorLeased => leased += 1,
                code => break Some(code),
            }
            tokio::time::sleep(Duration::from_secs(LEASE_S)).await;
        };
        assert_eq!(refused, (turn >= FEW).then_some(ProblemCode::GuessesSpent), "{turn}");
    }
    assert_eq!(answered, FEW);
    assert!(leased > 0);
}

#[tokio::test]
async fn a_function_that_never_commits_gets_the_limit_of_each_enclave_and_no_more() {
    let deployment = two_enclaves(few_guesses(120)).await;
    let (mut alice, factor) = with_a_passcode(&deployment).await;
    let mut answered = 0;
    for (number, key) in keys(&deployment).into_iter().enumerate() {
        send_to(&mut alice, key).await;
        let mut function = HostileFunction::in_front_of(&deployment, number);
        for _ in 0..3 * FEW {
            let guess = alice.guess(factor, "4321").post;
            match function.serve_without_commit(&guess.request).await {
                Ok(_) => answered += 1,
                Err(code) => assert_eq!(code, ProblemCode::GuessesSpent),
            }
        }
    }
    // The enclaves do not know of each other: docs/threat-model.md says so.
    assert_eq!(answered, 2 * FEW);
}
