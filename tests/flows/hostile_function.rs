//! A function that keeps everything it saw, and one that never commits and releases everything.

use crate::changes::Before;
use sharekeep_local::identity_provider::Signing;
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::OpenSessionRequest;
use sharekeep_schemas::sealed::{CeremonyAnswer, Plain, SessionRenewed, WalletChanged};
use sharekeep_tests::ceremony::new_wallet_id;
use sharekeep_tests::hostile::HostileFunction;
use sharekeep_tests::message::note;
use sharekeep_tests::user::new_session_key;
use sharekeep_tests::{Deployment, Request, User};

#[tokio::test]
async fn a_captured_session_opening_opens_no_session_for_the_function() {
    let deployment = Deployment::start().await;
    // It was never served to the client: the token is still good as far as anybody knows.
    let alice = User::arrive(&deployment, "alice").await;
    let captured = alice.opening(&alice.token().sign(Signing::Rs256).unwrap());
    let before = Before::of(&deployment);
    let mut function = HostileFunction::take_over(&deployment);

    // Under a key of its own, outside and inside as far as it can reach inside.
    let attacker =
        User { session_key: new_session_key(), ..User::arrive(&deployment, "eve").await };
    let mut stolen = captured.request.clone();
    stolen.sign(&attacker.session_key);
    let code = function.serve_without_commit(&stolen).await.unwrap_err();
    assert_eq!(code, ProblemCode::SignatureInvalid);

    let own: OpenSessionRequest =
        serde_json::from_slice(&attacker.opening("x").request.body).unwrap();
    let mut body: OpenSessionRequest = serde_json::from_slice(&captured.request.body).unwrap();
    body.session_key = own.session_key;
    stolen.body = serde_json::to_vec(&body).unwrap();
    stolen.sign(&attacker.session_key);
    let code = function.serve_without_commit(&stolen).await.unwrap_err();
    assert_eq!(code, ProblemCode::SealedInvalid);

    // Nothing it tried burnt the token: alice gets in with the very same request.
    before.nothing_changed();
    assert_eq!(captured.send(&deployment).await.status, 200);
}

#[tokio::test]
async fn a_function_learns_nothing_from_opening_the_session_again_with_the_same_bytes() {
    let deployment = Deployment::start().await;
    let alice = User::arrive(&deployment, "alice").await;
    let captured = alice.opening(&alice.token().sign(Signing::Rs256).unwrap());
    let mut function = HostileFunction::take_over(&deployment);
    function.serve_and_commit(&captured.request).await.unwrap();
    // The signature was used.
    let code = function.serve_without_commit(&captured.request).await.unwrap_err();
    assert_eq!(code, ProblemCode::SignatureReplayed);
    // And the session only obeys alice's key.
    let mut list =
        alice.post(&format!("/v1/wallets/{}/archive", new_wallet_id()), &Plain::default());
    list.request.sign(&new_session_key());
    let code = function.serve_without_commit(&list.request).await.unwrap_err();
    assert_eq!(code, ProblemCode::SessionUnknown);
}

#[tokio::test]
async fn a_token_is_used_even_if_its_session_was_never_committed() {
    let deployment = Deployment::start().await;
    let alice = User::arrive(&deployment, "alice").await;
    let token = alice.token().sign(Signing::Rs256).unwrap();
    let mut function = HostileFunction::take_over(&deployment);
    function.serve_without_commit(&alice.opening(&token).request).await.unwrap();
    let again = alice.opening(&token);
    let code = function.serve_without_commit(&again.request).await.unwrap_err();
    assert_eq!(code, ProblemCode::TokenUsed);
}

#[tokio::test]
async fn an_exact_retry_after_a_commit_that_never_came_is_the_same_answer() {
    let deployment = Deployment::start().await;
    let alice = User::arrive(&deployment, "alice").await;
    let mut opening = alice.opening(&alice.token().sign(Signing::Rs256).unwrap());
    let mut function = HostileFunction::take_over(&deployment);
    function.serve_without_commit(&opening.request).await.unwrap();
    opening.request.sign(&alice.session_key);
    function.serve_and_commit(&opening.request).await.unwrap();
    // The session works now.
    let path = format!("/v1/sessions/{}/renew", alice.session_id());
    let renewal = alice.post(&path, &Plain::default());
    let answer = function.serve_and_commit(&renewal.request).await.unwrap();
    let _: SessionRenewed = renewal.open(&answer);
}

#[tokio::test]
async fn a_wallet_archived_without_commit_does_not_sign() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let mut function = HostileFunction::take_over(&deployment);
    let archive = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    let answer = function.serve_without_commit(&archive.request).await.unwrap();
    let _: WalletChanged = archive.open(&answer);
    // The function hands over the old record for ever.
    let sign = alice.start_sign(&wallet, &note("no more")).start;
    let code = function.serve_without_commit(&sign.request).await.unwrap_err();
    assert_eq!(code, ProblemCode::WalletState);
}

#[tokio::test]
async fn a_session_revoked_without_commit_is_over() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut function = HostileFunction::take_over(&deployment);
    let revoke =
        alice.post(&format!("/v1/sessions/{}/revoke", alice.session_id()), &Plain::default());
    function.serve_without_commit(&revoke.request).await.unwrap();
    let start = alice.start_keygen(new_wallet_id()).start;
    let code = function.serve_without_commit(&start.request).await.unwrap_err();
    assert_eq!(code, ProblemCode::SessionUnknown);
}

#[tokio::test]
async fn a_ceremony_step_without_commit_is_not_taken_twice() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut function = HostileFunction::take_over(&deployment);
    let mut running = alice.start_keygen(new_wallet_id());
    let answer = function.serve_without_commit(&running.start.request).await.unwrap();
    let answer: CeremonyAnswer = running.start.open(&answer);
    let mut next = alice.next_step(&mut running, &answer).unwrap();
    let first = function.serve_without_commit(&next.request).await.unwrap();
    // The same body again: the same answer, not a second run with other randomness.
    next.request.sign(&alice.session_key);
    let again = function.serve_without_commit(&next.request).await.unwrap();
    assert_eq!(first.body, again.body);
    // Another body for the same step: the end.
    let other = alice.step(running.id, running.step, vec![]);
    let code = function.serve_without_commit(&other.request).await.unwrap_err();
    assert_eq!(code, ProblemCode::CeremonyForked);
}

#[tokio::test]
async fn a_function_that_withholds_the_used_token_marks_gains_no_second_session() {
    let deployment = Deployment::start().await;
    let alice = User::arrive(&deployment, "alice").await;
    let token = alice.token().sign(Signing::Rs256).unwrap();
    assert_eq!(alice.opening(&token).send(&deployment).await.status, 200);
    let mut function = HostileFunction::take_over(&deployment);
    // As if the session and the mark had never been written.
    function.forget("sessions");
    let again = alice.opening(&token);
    let code = function.serve_without_commit(&again.request).await.unwrap_err();
    assert_eq!(code, ProblemCode::TokenUsed);
}

#[tokio::test]
async fn a_function_cannot_choose_the_operation() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let mut function = HostileFunction::take_over(&deployment);
    let honest = alice.activation(&wallet);
    let routed = |path: String| Request { path, ..honest.request.clone() };
    for path in [
        format!("/v1/wallets/{}/archive", wallet.id),
        format!("/v1/sessions/{}/revoke", alice.session_id()),
    ] {
        let code = function.serve_without_commit(&routed(path)).await.unwrap_err();
        assert_eq!(code, ProblemCode::SignatureInvalid);
    }
}
