//! Requests whose HTTP signature is missing, old, used, or made for something else.

use crate::changes::{Before, REFUSED_AFTER_SIGNATURE};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::headers;
use sharekeep_schemas::sealed::Plain;
use sharekeep_tests::ceremony::new_wallet_id;
use sharekeep_tests::request::{Request, now_unix_s};
use sharekeep_tests::user::{PAST_SHORT_SESSION_S, new_session_key};
use sharekeep_tests::{Deployment, SealedPost, Site, User};

/// Further off than a signature may be on its way.
const LONG_S: u64 = 600;

/// A request that would change something if it were served.
async fn archiving(alice: &User<'_>) -> SealedPost {
    let wallet = alice.create_wallet().await;
    alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default())
}

async fn refused(deployment: &Deployment, request: &Request) -> ProblemCode {
    request.send(&deployment.authority()).await.problem()
}

#[tokio::test]
async fn an_unsigned_request_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    for name in [headers::SIGNATURE, headers::SIGNATURE_INPUT] {
        post.request.unset(name);
    }
    let before = Before::of(&deployment);
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::SignatureMissing);
    for path in ["/v1/sessions", "/v1/wallets"] {
        let list = Request::get(&deployment.authority(), path);
        assert_eq!(refused(&deployment, &list).await, ProblemCode::SignatureMissing);
    }
    before.nothing_changed();
}

#[tokio::test]
async fn a_replayed_request_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let post = archiving(&alice).await;
    assert_eq!(post.send(&deployment).await.status, 200);
    let before = Before::of(&deployment);
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::SignatureReplayed);
    before.nothing_changed();
}

#[tokio::test]
async fn a_replayed_listing_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut list = Request::get(&deployment.authority(), "/v1/wallets");
    list.sign(&alice.session_key);
    assert_eq!(list.send(&deployment.authority()).await.status, 200);
    let before = Before::of(&deployment);
    assert_eq!(refused(&deployment, &list).await, ProblemCode::SignatureReplayed);
    before.nothing_changed();
}

#[tokio::test]
async fn a_stale_request_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    let before = Before::of(&deployment);
    for created in [now_unix_s() - LONG_S, now_unix_s() + LONG_S] {
        post.request.sign_at(&alice.session_key, created);
        assert_eq!(refused(&deployment, &post.request).await, ProblemCode::SignatureStale);
    }
    before.nothing_changed();
}

#[tokio::test]
async fn a_swapped_body_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    let other = archiving(&alice).await;
    let before = Before::of(&deployment);
    post.request.body = other.request.body.clone();
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::SignatureInvalid);
    // With the digest that fits the other body: then the signature does not cover it.
    let digest = other.request.header(headers::CONTENT_DIGEST).unwrap().to_owned();
    post.request.set(headers::CONTENT_DIGEST, digest);
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::SignatureInvalid);
    before.nothing_changed();
}

#[tokio::test]
async fn a_swapped_path_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    let before = Before::of(&deployment);
    post.request.path = format!("/v1/wallets/{}/archive", new_wallet_id());
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::SignatureInvalid);
    before.nothing_changed();
}

#[tokio::test]
async fn a_swapped_query_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut list = Request::get(&deployment.authority(), "/v1/wallets");
    list.query = Some("limit=1".to_owned());
    list.sign(&alice.session_key);
    let before = Before::of(&deployment);
    list.query = Some("limit=2".to_owned());
    assert_eq!(refused(&deployment, &list).await, ProblemCode::SignatureInvalid);
    list.query = None;
    assert_eq!(refused(&deployment, &list).await, ProblemCode::SignatureInvalid);
    before.nothing_changed();
}

#[tokio::test]
async fn a_swapped_authority_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    let before = Before::of(&deployment);
    // Signed for us, presented as another host.
    post.request.authority = "attacker.example".to_owned();
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::SignatureInvalid);
    // Signed for another host and presented as that: a relay that the user was lured to.
    post.request.sign(&alice.session_key);
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::AuthorityMismatch);
    before.nothing_changed();
}

#[tokio::test]
async fn a_request_of_an_unknown_session_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    let before = Before::of(&deployment);
    post.request.sign(&new_session_key());
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::SessionUnknown);
    before.nothing_changed();
}

#[tokio::test]
async fn an_expired_session_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in_shortly(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    let before = Before::of(&deployment);
    deployment.stack.clock().set_offset_s(PAST_SHORT_SESSION_S);
    post.request.sign_at(&alice.session_key, deployment.stack.clock().unix_s());
    let code = refused(&deployment, &post.request).await;
    assert_eq!(code, ProblemCode::SessionExpired);
    before.nothing_changed();
}

#[tokio::test]
async fn a_post_without_an_idempotency_key_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    post.request.unset(headers::IDEMPOTENCY_KEY);
    let before = Before::of(&deployment);
    assert_eq!(refused(&deployment, &post.request).await, ProblemCode::IdempotencyKeyMissing);
    before.only_changed(REFUSED_AFTER_SIGNATURE);
}

#[tokio::test]
async fn an_idempotency_key_cannot_be_used_for_another_body() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let first = archiving(&alice).await;
    assert_eq!(first.send(&deployment).await.status, 200);
    let mut second = archiving(&alice).await;
    let key = first.request.header(headers::IDEMPOTENCY_KEY).unwrap().to_owned();
    second.request.set(headers::IDEMPOTENCY_KEY, key);
    second.request.sign(&alice.session_key);
    let before = Before::of(&deployment);
    assert_eq!(refused(&deployment, &second.request).await, ProblemCode::IdempotencyKeyReused);
    before.only_changed(REFUSED_AFTER_SIGNATURE);
}

#[tokio::test]
async fn an_exact_retry_gets_the_stored_answer_and_changes_nothing() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    let first = post.send(&deployment).await;
    assert_eq!(first.status, 200);
    let records = deployment.records();
    post.request.sign(&alice.session_key);
    let again = post.send(&deployment).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(deployment.records(), records);
}

#[tokio::test]
async fn a_host_that_sets_the_enclaves_clock_gets_no_answer() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let mut post = archiving(&alice).await;
    let before = Before::of(&deployment);
    deployment.stack.clock().set_offset_s(120);
    post.request.sign_at(&alice.session_key, deployment.stack.clock().unix_s());
    let code = refused(&deployment, &post.request).await;
    assert_eq!(code, ProblemCode::EnclaveUnavailable);
    before.only_changed(REFUSED_AFTER_SIGNATURE);
}
