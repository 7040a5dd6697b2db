//! Bad tokens open no session and leave no record.

use crate::changes::{Before, REFUSED_AFTER_SIGNATURE, REFUSED_BY_ENCLAVE};
use serde_json::json;
use sharekeep_local::identity_provider::{Signing, TokenDraft};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::limits::MAX_TOKEN_BYTES;
use sharekeep_tests::request::now_unix_s;
use sharekeep_tests::user::new_session_key;
use sharekeep_tests::{Deployment, User};

/// Further off than clocks may differ.
const LONG_S: u64 = 600;

async fn refused_with(
    bend: impl FnOnce(TokenDraft<'_>) -> TokenDraft<'_>,
    signing: Signing,
) -> ProblemCode {
    let deployment = Deployment::start().await;
    // Somebody is there already: keys exist, and a refusal must leave them alone.
    User::signed_in(&deployment, "bob").await;
    let alice = User::arrive(&deployment, "alice").await;
    let token = bend(alice.token()).sign(signing).unwrap();
    let before = Before::of(&deployment);
    let code = alice.refused(&token).await;
    before.only_changed(REFUSED_BY_ENCLAVE);
    // The same client gets in with a good token: nothing was burnt.
    alice.sign_in().await;
    code
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let code =
        refused_with(|token| token.claim("exp", now_unix_s() - LONG_S), Signing::Rs256).await;
    assert_eq!(code, ProblemCode::TokenExpired);
}

#[tokio::test]
async fn a_token_that_is_not_valid_yet_is_refused() {
    let later = now_unix_s() + LONG_S;
    let code = refused_with(
        |token| token.claim("nbf", later).claim("iat", later).claim("exp", later + LONG_S),
        Signing::Rs256,
    )
    .await;
    assert_eq!(code, ProblemCode::TokenNotYetValid);
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let code = refused_with(|token| token.claim("aud", "second"), Signing::Rs256).await;
    assert_eq!(code, ProblemCode::TokenAudience);
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused() {
    let code =
        refused_with(|token| token.claim("iss", "https://attacker.example"), Signing::Rs256).await;
    assert_eq!(code, ProblemCode::TokenIssuer);
}

#[tokio::test]
async fn an_issuer_cannot_speak_for_another_one() {
    let deployment = Deployment::start().await;
    let alice = User::arrive(&deployment, "alice").await;
    let provider = deployment.stack.identity_provider();
    let token = provider
        .partner()
        .token("alice", alice.tenant.as_str())
        .nonce(&alice.session_id().to_string())
        .claim("iss", provider.development().url())
        .sign(Signing::Rs256)
        .unwrap();
    let before = Before::of(&deployment);
    assert_eq!(alice.refused(&token).await, ProblemCode::TokenKeyUnknown);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    assert_eq!(refused_with(|t| t, Signing::Unsigned).await, ProblemCode::TokenAlgorithm);
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_shared_secret_is_refused() {
    let code = refused_with(|t| t, Signing::Hs256WithPublicKey).await;
    assert_eq!(code, ProblemCode::TokenAlgorithm);
}

#[tokio::test]
async fn a_token_of_an_unknown_key_is_refused() {
    assert_eq!(refused_with(|t| t, Signing::ForeignKey).await, ProblemCode::TokenKeyUnknown);
}

#[tokio::test]
async fn a_token_that_claims_a_known_key_without_having_it_is_refused() {
    let code = refused_with(|t| t, Signing::ForeignKeyUnderKnownId).await;
    assert_eq!(code, ProblemCode::TokenSignature);
}

#[tokio::test]
async fn an_oversized_token_is_refused() {
    let code =
        refused_with(|token| token.claim("pad", "x".repeat(MAX_TOKEN_BYTES)), Signing::Rs256).await;
    assert_eq!(code, ProblemCode::TokenTooLarge);
}

#[tokio::test]
async fn a_token_for_another_session_key_is_refused() {
    let other = new_session_key().public_key().key_id().to_string();
    let code = refused_with(|token| token.nonce(&other), Signing::Rs256).await;
    assert_eq!(code, ProblemCode::TokenBinding);
}

#[tokio::test]
async fn a_token_for_no_session_key_is_refused() {
    let code = refused_with(|token| token.without("nonce"), Signing::Rs256).await;
    assert_eq!(code, ProblemCode::TokenBinding);
}

#[tokio::test]
async fn a_nonce_that_is_not_text_is_refused() {
    let code = refused_with(|token| token.claim("nonce", json!(["a"])), Signing::Rs256).await;
    assert_eq!(code, ProblemCode::TokenMalformed);
}

#[tokio::test]
async fn a_token_opens_one_session_only() {
    let deployment = Deployment::start().await;
    let alice = User::arrive(&deployment, "alice").await;
    let token = alice.token().sign(Signing::Rs256).unwrap();
    let first = alice.opening(&token);
    assert_eq!(first.send(&deployment).await.status, 200);
    let before = Before::of(&deployment);
    assert_eq!(alice.refused(&token).await, ProblemCode::TokenUsed);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_used_token_stays_used_after_the_enclave_forgot() {
    let mut deployment = Deployment::start().await;
    let (token, session_key) = {
        let alice = User::arrive(&deployment, "alice").await;
        let token = alice.token().sign(Signing::Rs256).unwrap();
        assert_eq!(alice.opening(&token).send(&deployment).await.status, 200);
        (token, alice.session_key)
    };
    deployment.stack.restart_enclave().await.unwrap();
    let mut again = User::arrive(&deployment, "alice").await;
    again.session_key = session_key;
    let before = Before::of(&deployment);
    assert_eq!(again.refused(&token).await, ProblemCode::TokenUsed);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let deployment = Deployment::start().await;
    User::signed_in(&deployment, "bob").await;
    let alice = User::arrive(&deployment, "alice").await;
    let before = Before::of(&deployment);
    for garbage in ["", "a", "a.b", "a.b.c", "....", "e30.e30.", "\u{0}\u{0}.\u{0}."] {
        assert_eq!(alice.refused(garbage).await, ProblemCode::TokenMalformed, "{garbage:?}");
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_gets_in_and_a_retry_helps() {
    let deployment = Deployment::start().await;
    let alice = User::arrive(&deployment, "alice").await;
    let issuer = deployment.stack.identity_provider().development();
    issuer.set_outage(true);
    let token = alice.token().sign(Signing::Rs256).unwrap();
    let mut post = alice.opening(&token);
    let before = Before::of(&deployment);
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::IssuerUnavailable);
    // Only the signature's nonce and the rates: the Idempotency-Key is free for the retry.
    before.only_changed(REFUSED_AFTER_SIGNATURE);
    issuer.set_outage(false);
    // An exact retry: the same sealed body and Idempotency-Key under a fresh signature. The
    // enclave may wait a moment before it asks the issuer again.
    for _ in 0..40 {
        post.request.sign(&alice.session_key);
        let answer = post.send(&deployment).await;
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.problem(), ProblemCode::IssuerUnavailable);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    panic!("the issuer is back, the enclave does not ask it");
}

#[tokio::test]
async fn tokens_of_unknown_keys_do_not_make_the_enclave_hammer_the_issuer() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let issuer = deployment.stack.identity_provider().development();
    let before = issuer.jwks_requests();
    for _ in 0..8 {
        let token = alice.token().sign(Signing::ForeignKey).unwrap();
        let store = Before::of(&deployment);
        assert_eq!(alice.refused(&token).await, ProblemCode::TokenKeyUnknown);
        store.only_changed(REFUSED_BY_ENCLAVE);
    }
    assert!(issuer.jwks_requests() - before <= 2, "{}", issuer.jwks_requests() - before);
}
