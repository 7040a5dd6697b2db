//! Ceremonies whose steps come again, changed, too early, or from somebody else.

use crate::changes::{Before, REFUSED_BY_ENCLAVE};
use serde_bytes::ByteBuf;
use sharekeep_mpc::SigningInput;
use sharekeep_schemas::http::{CeremonyView, Page, WalletView};
use sharekeep_schemas::sealed::{CeremonyAborted, CeremonyAnswer, Plain, WalletChanged};
use sharekeep_schemas::{CeremonyState, ProblemCode, WalletStatus, codec};
use sharekeep_tests::ceremony::{Running, decode, encode, new_wallet_id};
use sharekeep_tests::message::note;
use sharekeep_tests::{Deployment, Site, User, flow};

/// Tables that an ended ceremony changes beside the traces of a refusal: its record says aborted.
const ABORTED: &[&str] = &["limits", "idempotency", "ceremonies"];

async fn state_of(alice: &User<'_>, running: &Running<sharekeep_mpc::KeyShare>) -> CeremonyState {
    alice.get(&format!("/v1/ceremonies/{}", running.id)).await.json::<CeremonyView>().state
}

#[tokio::test]
async fn a_repeated_step_gets_the_same_answer_and_changes_nothing() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let (mut running, mut post) = alice.second_step().await;
    let first = post.send(&deployment).await;
    assert_eq!(first.status, 200);
    let records = deployment.records();
    post.request.sign(&alice.session_key);
    let again = post.send(&deployment).await;
    assert_eq!(again.body, first.body);
    assert_eq!(deployment.records(), records);
    // And it goes on from there.
    let answer: CeremonyAnswer = post.open(&again);
    assert!(alice.next_step(&mut running, &answer).is_none());
    assert!(running.device.take_output().is_some());
}

#[tokio::test]
async fn a_changed_step_ends_the_ceremony() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let (running, post) = alice.second_step().await;
    assert_eq!(post.send(&deployment).await.status, 200);
    let before = Before::of(&deployment);
    let changed = alice.step(running.id, 2, vec![ByteBuf::from(vec![0])]);
    let code = changed.send(&deployment).await.problem();
    assert_eq!(code, ProblemCode::CeremonyForked);
    // The key generation had completed with the second step: its record and the wallet stay.
    before.only_changed(REFUSED_BY_ENCLAVE);
    assert_eq!(state_of(&alice, &running).await, CeremonyState::Complete);
    let wallets = alice.get("/v1/wallets").await.json::<Page<WalletView>>().items;
    assert_eq!(wallets[0].status, WalletStatus::Pending);
}

#[tokio::test]
async fn a_changed_start_ends_the_ceremony_before_it_makes_anything() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let (running, post) = alice.second_step().await;
    let before = Before::of(&deployment);
    // Another body for step 1, which was taken.
    let changed = alice.step(running.id, 1, vec![]);
    assert_eq!(changed.send(&deployment).await.problem(), ProblemCode::CeremonyForked);
    before.only_changed(ABORTED);
    assert_eq!(state_of(&alice, &running).await, CeremonyState::Aborted);
    // What comes later comes too late.
    let before = Before::of(&deployment);
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::CeremonyStep);
    before.only_changed(REFUSED_BY_ENCLAVE);
    assert!(alice.get("/v1/wallets").await.json::<Page<WalletView>>().items.is_empty());
}

#[tokio::test]
async fn a_skipped_step_is_refused_and_the_ceremony_goes_on() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let (running, post) = alice.second_step().await;
    let before = Before::of(&deployment);
    for step in [3, 7, u32::MAX] {
        let skipped = alice.step(running.id, step, vec![]);
        assert_eq!(skipped.send(&deployment).await.problem(), ProblemCode::CeremonyStep);
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
    assert_eq!(post.send(&deployment).await.status, 200);
}

#[tokio::test]
async fn a_start_that_comes_again_under_another_key_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    // The same payload, sealed anew: another request with the same nonce.
    let payload = codec::encode(&sharekeep_schemas::sealed::CreateWallet {
        version: 1,
        wallet: new_wallet_id(),
        scheme: sharekeep_schemas::Scheme::EddsaEd25519,
        protocol: sharekeep_schemas::Protocol::Frost,
        client_nonce: [7; 32],
        messages: vec![],
    });
    let first = alice.post_bytes("/v1/wallets", payload.clone());
    let again = alice.post_bytes("/v1/wallets", payload);
    assert_eq!(first.send(&deployment).await.status, 200);
    let before = Before::of(&deployment);
    assert_eq!(again.send(&deployment).await.problem(), ProblemCode::CeremonyRepeated);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_step_that_does_not_parse_is_refused_and_the_ceremony_goes_on() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let (running, honest) = alice.second_step().await;
    let before = Before::of(&deployment);
    let noise = alice.step(running.id, 2, vec![ByteBuf::from(vec![0xff; 100])]);
    assert_eq!(noise.send(&deployment).await.problem(), ProblemCode::MalformedRequest);
    before.only_changed(REFUSED_BY_ENCLAVE);
    assert_eq!(honest.send(&deployment).await.status, 200);
}

#[tokio::test]
async fn a_message_of_another_ceremony_ends_this_one() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let (running, honest) = alice.second_step().await;
    let mut other = alice.start_keygen(new_wallet_id());
    let answer: CeremonyAnswer = other.start.open(&other.start.send(&deployment).await);
    let foreign = other.device.step(decode(&answer.messages)).unwrap();
    let before = Before::of(&deployment);
    let step = alice.step(running.id, 2, encode(foreign));
    assert_eq!(step.send(&deployment).await.problem(), ProblemCode::CeremonyFault);
    before.only_changed(ABORTED);
    assert_eq!(state_of(&alice, &running).await, CeremonyState::Aborted);
    assert_eq!(honest.send(&deployment).await.problem(), ProblemCode::CeremonyStep);
}

#[tokio::test]
async fn another_users_ceremony_does_not_exist() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let bob = User::signed_in(&deployment, "bob").await;
    let (running, honest) = alice.second_step().await;
    let before = Before::of(&deployment);
    let step = bob.step(running.id, 2, vec![]);
    let abort = bob.post(&format!("/v1/ceremonies/{}/abort", running.id), &Plain::default());
    for post in [step, abort] {
        assert_eq!(post.send(&deployment).await.problem(), ProblemCode::CeremonyUnknown);
    }
    let seen = bob.get(&format!("/v1/ceremonies/{}", running.id)).await;
    assert_eq!(seen.problem(), ProblemCode::NotFound);
    before.only_changed(REFUSED_BY_ENCLAVE);
    assert_eq!(honest.send(&deployment).await.status, 200);
}

#[tokio::test]
async fn an_aborted_ceremony_is_over() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let (running, next) = alice.second_step().await;
    let path = format!("/v1/ceremonies/{}/abort", running.id);
    let before = Before::of(&deployment);
    let aborted: CeremonyAborted = alice.ask(&path, &Plain::default()).await;
    assert_eq!(aborted.ceremony, running.id);
    before.only_changed(ABORTED);
    let before = Before::of(&deployment);
    assert_eq!(next.send(&deployment).await.problem(), ProblemCode::CeremonyStep);
    before.only_changed(REFUSED_BY_ENCLAVE);
    assert_eq!(state_of(&alice, &running).await, CeremonyState::Aborted);
}

#[tokio::test]
async fn only_a_wallet_with_a_backup_signs_until_it_is_archived() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.pending_wallet().await;
    let before = Before::of(&deployment);
    let early = alice.start_sign(&wallet, &note("too early"));
    let answer = early.start.send(&deployment).await;
    assert_eq!(answer.problem(), ProblemCode::BackupMissing);
    before.only_changed(REFUSED_BY_ENCLAVE);

    let path = |verb: &str| format!("/v1/wallets/{}/{verb}", wallet.id);
    alice.activate(&wallet).await;
    alice.sign(&wallet, &note("in time")).await;
    let archived: WalletChanged = alice.ask(&path("archive"), &Plain::default()).await;
    assert_eq!(archived.status, WalletStatus::Archived);
    let late = alice.start_sign(&wallet, &note("too late"));
    let before = Before::of(&deployment);
    assert_eq!(late.start.send(&deployment).await.problem(), ProblemCode::WalletState);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn bytes_that_are_a_transaction_are_not_signed_as_a_note() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let before = Before::of(&deployment);
    // What is signed is up to the enclave's own decoding: a message kind for another scheme, and
    // bytes that are no message at all.
    let text = sharekeep_messages::SignRequest::EthereumText { text: "for another key".into() };
    for message in [codec::encode(&text), vec![0xf6], vec![]] {
        let input = SigningInput::Eddsa(b"whatever".to_vec());
        let running = alice.start_sign_as(&wallet, wallet.id, message, input);
        let code = running.start.send(&deployment).await.problem();
        assert_eq!(code, ProblemCode::MessageRefused);
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_wallet_id_that_exists_is_not_taken_again() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let again = alice.start_keygen(wallet.id);
    let before = Before::of(&deployment);
    let code = again.start.send(&deployment).await.problem();
    assert_eq!(code, ProblemCode::WalletState);
    before.only_changed(REFUSED_BY_ENCLAVE);
    alice.sign(&wallet, &note("unharmed")).await;
}

#[tokio::test]
async fn a_ceremony_that_the_enclave_forgot_does_not_harm_the_wallet() {
    flow::a_lost_ceremony_harms_no_wallet(Deployment::start().await).await;
}
