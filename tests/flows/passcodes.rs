//! Guesses at a passcode, by everybody who would like one more.

use crate::items::{items, only_item, put, sealed_len};
use serde_json::{Value, json};
use sharekeep::NewFactor;
use sharekeep_enclave_app::Limits;
use sharekeep_local::stack::StackOptions;
use sharekeep_recovery::passcode::KE2_BYTES;
use sharekeep_schemas::http::{FactorView, Page};
use sharekeep_schemas::sealed::{GuessFinished, GuessStarted};
use sharekeep_schemas::{EventKind, FactorId, FactorKind, ProblemCode};
use sharekeep_tests::flow::{count_events, wrong, wrong_twice_then_right};
use sharekeep_tests::hostile::HostileFunction;
use sharekeep_tests::message::note;
use sharekeep_tests::phone::{passcode, with_code, with_passcode};
use sharekeep_tests::{Deployment, Phone, Request, Site, User};
use std::num::NonZeroU8;

const RIGHT: &str = "1234";
/// A limit that is reached before the waiting begins.
const FEW: u8 = 3;

async fn start_with_few_guesses() -> Deployment {
    let guess_limit = NonZeroU8::new(FEW).unwrap();
    let limits = Some(Limits { primes: 0, guess_limit, ..Limits::default() });
    Deployment::start_with(StackOptions { limits, ..StackOptions::default() }).await
}

/// A user by hand with a recovery code and a passcode.
async fn with_a_passcode<'d>(deployment: &'d Deployment, name: &str) -> (User<'d>, FactorId) {
    let user = User::newcomer(deployment, name).await;
    let made = user.passcode_factor(RIGHT).await;
    user.set_up_recovery(&[&user.code_factor(), &made]).await;
    (user, made.id())
}

/// The item of one factor.
fn factor_item(deployment: &Deployment, factor: FactorId) -> (String, Value) {
    only_item(deployment, "factors", |item| item["sk"]["S"] == format!("factor#{factor}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_wrong_twice_and_then_right_restores_and_other_devices_are_told() {
    wrong_twice_then_right(Deployment::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_guesses_spent_destroy_the_passcode_and_the_recovery_code_still_restores() {
    let mut deployment = start_with_few_guesses().await;
    let homes = tempfile::tempdir().unwrap();
    let old = Phone::fresh(&deployment, &homes.path().join("old"), "alice").await;
    let code = old.set_up_with_passcode(RIGHT).await;
    let wallet = old.create_frost().await;
    let new = Phone::fresh(&deployment, &homes.path().join("new"), "alice").await;
    for left in (0..FEW).rev() {
        let error = new.restore(with_passcode("4321"), &[]).await.err().unwrap();
        assert_eq!(wrong(&error), u32::from(left));
    }
    for _ in 0..2 {
        let error = new.restore(with_passcode(RIGHT), &[]).await.err().unwrap();
        assert_eq!(error.code(), Some(ProblemCode::GuessesSpent), "{error}");
        // What it was checked with is gone from the store too.
        deployment.stack.restart_enclave().await.unwrap();
    }
    let events = old.client.list_events(&old.session).await.unwrap();
    assert_eq!(count_events(&events, EventKind::PasscodeDestroyed), 1);
    assert!(new.restore(with_code(&code), &[]).await.unwrap().is_complete());
    new.sign(wallet, &note("by the other factor")).await;
    // Another passcode takes its place.
    let unlocked = new.user().unlock(with_code(&code)).await.unwrap();
    let factors = &unlocked.factors().factors;
    let spent = factors.iter().find(|f| f.kind == FactorKind::Passcode).unwrap().id;
    let add = vec![NewFactor::passcode(passcode("5678"))];
    let draft = new.user().draft_change(&unlocked, add, &[spent], None).await.unwrap();
    new.user().commit_factors(draft).await.unwrap().read_back.unwrap();
    new.user().unlock(with_passcode("5678")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_with_a_limit_of_its_own_is_destroyed_by_that_many_wrong_guesses() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let code = NewFactor::recovery_code();
    let code_text = code.code().unwrap().to_string();
    let short = NewFactor::passcode(passcode(RIGHT)).with_guess_limit(NonZeroU8::new(FEW));
    phone.set_up(vec![code, short]).await;
    let guess = async |text| phone.user().unlock(with_passcode(text)).await.err();
    for left in (0..FEW).rev() {
        assert_eq!(wrong(&guess("4321").await.unwrap()), u32::from(left));
    }
    let error = guess(RIGHT).await.unwrap();
    assert_eq!(error.code(), Some(ProblemCode::GuessesSpent), "{error}");
    // One in its place has its own limit again: none here, so the service's.
    let unlocked = phone.user().unlock(with_code(&code_text)).await.unwrap();
    let factors = &unlocked.factors().factors;
    let spent = factors.iter().find(|f| f.kind == FactorKind::Passcode).unwrap().id;
    let add = vec![NewFactor::passcode(passcode(RIGHT))];
    let draft = phone.user().draft_change(&unlocked, add, &[spent], None).await.unwrap();
    phone.user().commit_factors(draft).await.unwrap().read_back.unwrap();
    assert_eq!(wrong(&guess("4321").await.unwrap()), 9);
    assert!(guess(RIGHT).await.is_none());
}

#[tokio::test]
async fn a_function_that_never_commits_and_releases_everything_gets_no_more_than_the_limit() {
    let deployment = start_with_few_guesses().await;
    let (alice, factor) = with_a_passcode(&deployment, "alice").await;
    let fresh = factor_item(&deployment, factor);
    let mut function = HostileFunction::take_over(&deployment);
    let mut answered = 0;
    for _ in 0..3 * FEW {
        let guess = alice.guess(factor, "4321").post;
        match function.serve_without_commit(&guess.request).await {
            Ok(answer) => {
                let _: GuessStarted = guess.open(&answer);
                answered += 1;
            }
            Err(code) => assert_eq!(code, ProblemCode::GuessesSpent),
        }
    }
    assert_eq!(answered, FEW);
    // The record says otherwise, and the enclave goes by what it remembers.
    assert_eq!(factor_item(&deployment, factor), fresh);
    let answer = alice.guess(factor, RIGHT).post.send(&deployment).await;
    assert_eq!(answer.problem(), ProblemCode::GuessesSpent);
}

#[tokio::test]
async fn an_old_factor_record_put_back_into_the_store_gives_no_fresh_guesses() {
    let deployment = start_with_few_guesses().await;
    let (alice, factor) = with_a_passcode(&deployment, "alice").await;
    let (table, fresh) = factor_item(&deployment, factor);
    for left in (0..FEW).rev() {
        let started = alice.started(&alice.guess(factor, "4321")).await;
        assert_eq!(started.guesses_left, u32::from(left));
        put(&deployment, &table, &fresh);
    }
    for _ in 0..2 {
        let answer = alice.guess(factor, RIGHT).post.send(&deployment).await;
        assert_eq!(answer.problem(), ProblemCode::GuessesSpent);
        // Destroyed stays destroyed.
        put(&deployment, &table, &fresh);
    }
}

#[tokio::test]
async fn replayed_messages_of_a_right_guess_gain_nothing() {
    let deployment = Deployment::start().await;
    let (alice, factor) = with_a_passcode(&deployment, "alice").await;
    let guess = alice.guess(factor, RIGHT);
    let started = alice.started(&guess).await;
    // The same bytes again are the same guess, answered by the same bytes.
    let mut again = guess.post.request.clone();
    again.sign(&alice.session_key);
    let repeated: GuessStarted = guess.post.open(&again.send(&deployment.authority()).await);
    assert_eq!(repeated, started);
    assert_eq!(started.guesses_left, 9);

    // Somebody with a token of hers has seen KE1 and KE3.
    let thief = User::newcomer(&deployment, "alice").await;
    let ke1 = guess.ke1.clone();
    let ke3 = alice.ke3(factor, guess, &started);
    let early = thief.finishing(factor, ke3.clone()).send(&deployment).await;
    assert_eq!(early.problem(), ProblemCode::GuessRefused);
    let finish = alice.finishing(factor, ke3.clone());
    let finished: GuessFinished = finish.open(&finish.send(&deployment).await);
    assert!(!finished.wrapped_seed.is_empty());
    for ke1 in [ke1.clone(), ke1] {
        let replayed = thief.guess_again(factor, &ke1);
        let _: GuessStarted = replayed.open(&replayed.send(&deployment).await);
        let late = thief.finishing(factor, ke3.clone()).send(&deployment).await;
        assert_eq!(late.problem(), ProblemCode::GuessRefused);
    }
    // It cost a guess, as any wrong one.
    let started = alice.started(&alice.guess(factor, "4321")).await;
    assert!(started.guesses_left < 9, "{}", started.guesses_left);
}

#[tokio::test]
async fn a_full_copy_of_the_store_gives_no_passcode_oracle() {
    let deployment = Deployment::start().await;
    let (alice, factor) = with_a_passcode(&deployment, "alice").await;
    let bob = User::signed_in(&deployment, "bob").await;
    // Guesses at a passcode that is there and at two that never were look the same from outside,
    // and leave records of one size.
    let nothing = FactorId::new(sharekeep_tests::user::random());
    let mut seen = Vec::new();
    for (user, factor) in [(&alice, factor), (&alice, nothing), (&bob, nothing)] {
        let guess = user.guess(factor, "4321");
        let answer = guess.post.send(&deployment).await;
        let started: GuessStarted = guess.post.open(&answer);
        assert_eq!((started.guesses_left, started.ke2.len()), (9, KE2_BYTES));
        let sk = format!("factor#{factor}");
        let (_, found) = items(&deployment, "factors");
        let user = user.id().to_string();
        let item = found.iter().find(|item| item["sk"]["S"] == sk && item["pk"]["S"] == user);
        seen.push((answer.body.len(), sealed_len(item.unwrap())));
    }
    assert_eq!((seen[0], seen[1]), (seen[1], seen[2]));
    let listed: Page<FactorView> = alice.get("/v1/factors").await.json();
    assert_eq!(listed.items.len(), 2, "what does not exist is not listed");

    // A thief runs the service on parts of a copy, or on all of it, with everything but the key
    // service: the record opens in no place, and the copy is not even a deployment that attests.
    let thiefs = Deployment::start().await;
    let thief = User::newcomer(&thiefs, "alice").await;
    let (table, mut item) = factor_item(&deployment, factor);
    item["pk"] = json!({ "S": thief.id().to_string() });
    put(&thiefs, &table, &item);
    let guess = thief.guess(factor, RIGHT).post.send(&thiefs).await;
    assert_eq!(guess.problem(), ProblemCode::RecordRefused);
    let mut thiefs = Deployment::start().await;
    for (table, items) in deployment.dump() {
        for item in items {
            put(&thiefs, &table, &serde_json::from_str(&item).unwrap());
        }
    }
    thiefs.stack.restart_enclave().await.unwrap();
    let mut ask = Request::get(&thiefs.authority(), "/v1/attestation");
    ask.query = Some(format!("nonce={}", "A".repeat(43)));
    let answer = ask.send(&thiefs.authority()).await;
    assert_eq!(answer.problem(), ProblemCode::RecordRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_that_races_a_new_passcode_has_one_winner_and_nothing_is_half_written() {
    let deployment = Deployment::start().await;
    let alice = User::newcomer(&deployment, "alice").await;
    let mut passcode = alice.passcode_factor(RIGHT).await;
    let mut owner = alice.set_up_recovery(&[&alice.code_factor(), &passcode]).await;
    for _ in 0..2 {
        let old = passcode.id();
        let next = alice.passcode_factor(RIGHT).await;
        let (change, changed) = alice.rotating(&owner, &[old], &[&next], &[]);
        let guess = alice.guess(old, "4321").post;
        let (guessed, answer) = tokio::join!(guess.send(&deployment), change.send(&deployment));
        if guessed.status != 200 {
            let code = guessed.problem();
            assert!(matches!(code, ProblemCode::Conflict | ProblemCode::NotFound), "{code}");
        }
        if answer.status == 200 {
            (owner, passcode) = (changed, next);
        } else {
            // Retryable, and the very same change goes through then.
            assert_eq!(answer.problem(), ProblemCode::Conflict);
            let mut again = change.request.clone();
            again.sign(&alice.session_key);
            let answer = again.send(&deployment.authority()).await;
            assert_eq!(answer.status, 200);
            (owner, passcode) = (changed, next);
        }
        // The list and the records agree, and the new passcode works.
        let listed: Page<FactorView> = alice.get("/v1/factors").await.json();
        let mut listed: Vec<_> = listed.items.iter().map(|factor| factor.factor_id).collect();
        let mut wanted: Vec<_> = owner.set.factors.iter().map(|factor| factor.id).collect();
        listed.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(listed, wanted);
        let guess = alice.guess(passcode.id(), RIGHT);
        let started = alice.started(&guess).await;
        let finish = alice.finishing(passcode.id(), alice.ke3(passcode.id(), guess, &started));
        let _: GuessFinished = finish.open(&finish.send(&deployment).await);
    }
}
