//! What belongs to one user, tenant or issuer is nothing to another.

use crate::changes::{Before, REFUSED_BY_ENCLAVE};
use sharekeep_local::identity_provider::Signing;
use sharekeep_local::world::SECOND_TENANT;
use sharekeep_mpc::SigningInput;
use sharekeep_schemas::http::{Page, SessionView, WalletView};
use sharekeep_schemas::sealed::Plain;
use sharekeep_schemas::{ProblemCode, Scope, codec};
use sharekeep_tests::message::note;
use sharekeep_tests::{Deployment, User};

async fn wallets_of(user: &User<'_>) -> Page<WalletView> {
    user.get("/v1/wallets").await.json()
}

/// Everything `stranger` tries with a wallet of `owner` ends as if it did not exist.
async fn wallet_does_not_exist_for(owner: &User<'_>, stranger: &User<'_>) {
    let wallet = owner.create_wallet().await;
    let before = Before::of(stranger.deployment);
    let archive = format!("/v1/wallets/{}/archive", wallet.id);
    for post in [stranger.activation(&wallet), stranger.post(&archive, &Plain::default())] {
        assert_eq!(post.send(stranger.deployment).await.problem(), ProblemCode::NotFound);
    }
    // Even with the device share in hand: the server does not take part.
    let message = codec::encode(&note("mine now"));
    let input = SigningInput::Eddsa(b"mine now".to_vec());
    let running = stranger.start_sign_as(&wallet, wallet.id, message, input);
    let answer = running.start.send(stranger.deployment).await;
    assert_eq!(answer.problem(), ProblemCode::NotFound);
    let seen = stranger.get(&format!("/v1/wallets/{}", wallet.id)).await;
    assert_eq!(seen.problem(), ProblemCode::NotFound);
    before.only_changed(REFUSED_BY_ENCLAVE);
    assert!(wallets_of(stranger).await.items.is_empty());
    owner.sign(&wallet, &note("still mine")).await;
}

#[tokio::test]
async fn another_users_wallet_does_not_exist() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let bob = User::signed_in(&deployment, "bob").await;
    wallet_does_not_exist_for(&alice, &bob).await;
}

#[tokio::test]
async fn a_session_of_another_tenant_reaches_nothing_though_the_user_is_the_same() {
    let deployment = Deployment::start().await;
    let here = User::signed_in(&deployment, "alice").await;
    let mut there = User::arrive(&deployment, "alice").await;
    there.tenant = SECOND_TENANT.parse().unwrap();
    there.sign_in().await;
    wallet_does_not_exist_for(&here, &there).await;
}

#[tokio::test]
async fn another_device_of_the_same_user_does_not_sign_with_a_wallet() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    // A device that anyone with a token of alice's can register, here even with her share in hand.
    let other = User::signed_in(&deployment, "alice").await;
    let before = Before::of(&deployment);
    let answer = other.start_sign(&wallet, &note("from elsewhere")).start.send(&deployment).await;
    assert_eq!(answer.problem(), ProblemCode::WalletOnOtherDevice);
    before.only_changed(REFUSED_BY_ENCLAVE);
    alice.sign(&wallet, &note("from here")).await;
}

#[tokio::test]
async fn a_session_cannot_be_opened_for_another_tenant_than_the_body_says() {
    let deployment = Deployment::start().await;
    // Keys exist already: nothing but the refusal is new.
    User::signed_in(&deployment, "bob").await;
    let alice = User::arrive(&deployment, "alice").await;
    let token = alice.token().sign(Signing::Rs256).unwrap();
    let post =
        alice.opening_with(&token, |payload| payload.tenant = SECOND_TENANT.parse().unwrap());
    let before = Before::of(&deployment);
    let code = post.send(&deployment).await.problem();
    assert_eq!(code, ProblemCode::SessionProofInvalid);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn the_same_subject_from_two_issuers_is_two_users() {
    let deployment = Deployment::start().await;
    let ours = User::signed_in(&deployment, "alice").await;
    let theirs = User::arrive(&deployment, "alice").await;
    let token = deployment
        .stack
        .identity_provider()
        .partner()
        .token("alice", theirs.tenant.as_str())
        .nonce(&theirs.session_id().to_string())
        .sign(Signing::Rs256)
        .unwrap();
    let post = theirs.opening(&token);
    let opened: sharekeep_schemas::sealed::SessionOpened = post.open(&post.send(&deployment).await);
    let mut again = User::arrive(&deployment, "alice").await;
    again.device = ours.device;
    again.device_key = ours.device_key.clone();
    assert_ne!(opened.user, again.sign_in().await.user);
    wallet_does_not_exist_for(&ours, &theirs).await;
}

#[tokio::test]
async fn another_users_session_cannot_be_revoked_or_seen() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let bob = User::signed_in(&deployment, "bob").await;
    let before = Before::of(&deployment);
    let post = bob.post(&format!("/v1/sessions/{}/revoke", alice.session_id()), &Plain::default());
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::NotFound);
    before.only_changed(REFUSED_BY_ENCLAVE);
    let seen: Page<SessionView> = bob.get("/v1/sessions").await.json();
    assert_eq!(seen.items.len(), 1);
    assert_eq!(seen.items[0].session_id, bob.session_id());
    alice.create_wallet().await;
}

#[tokio::test]
async fn a_revoked_session_is_over_at_once() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let path = format!("/v1/sessions/{}/revoke", alice.session_id());
    let _: sharekeep_schemas::sealed::SessionRevoked = alice.ask(&path, &Plain::default()).await;
    let before = Before::of(&deployment);
    let post = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::SessionUnknown);
    before.nothing_changed();
}

#[tokio::test]
async fn a_session_does_no_more_than_its_scope() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let mut reader = User::arrive(&deployment, "alice").await;
    reader.scopes = vec![Scope::Read];
    reader.sign_in().await;
    let before = Before::of(&deployment);
    let archive = reader.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    let sign = reader.start_sign(&wallet, &note("no"));
    let create = reader.start_keygen(sharekeep_tests::ceremony::new_wallet_id());
    for post in [archive, sign.start, create.start] {
        assert_eq!(post.send(&deployment).await.problem(), ProblemCode::ScopeInsufficient);
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
    assert_eq!(wallets_of(&reader).await.items.len(), 1);
}
