//! Stop and start again: wallets are still there and still sign.

use crate::changes::{Before, REFUSED_AFTER_SIGNATURE};
use sharekeep_local::world::KmsFault;
use sharekeep_schemas::http::{Page, WalletView};
use sharekeep_schemas::{ProblemCode, WalletStatus};
use sharekeep_tests::message::note;
use sharekeep_tests::{Deployment, Site, User};

#[tokio::test]
async fn a_wallet_signs_after_the_whole_stack_was_stopped_and_started() {
    let deployment = Deployment::start().await;
    let (wallet, device, records, tables) = {
        let alice = User::signed_in(&deployment, "alice").await;
        let wallet = alice.create_wallet().await;
        (wallet, alice.into_device(), deployment.records(), deployment.counts())
    };
    let deployment = deployment.restart().await;
    assert_eq!(deployment.records(), records);
    assert_eq!(deployment.counts(), tables);
    let alice = User::signed_in_on(device, &deployment, "alice").await;
    let listed = alice.get("/v1/wallets").await.json::<Page<WalletView>>().items;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].wallet_id, wallet.id);
    assert_eq!(listed[0].status, WalletStatus::Active);
    alice.sign(&wallet, &note("after the restart")).await;
}

#[tokio::test]
async fn a_session_outlives_a_restart() {
    let deployment = Deployment::start().await;
    let (session_key, wallet) = {
        let alice = User::signed_in(&deployment, "alice").await;
        let wallet = alice.create_wallet().await;
        (alice.session_key, wallet)
    };
    let deployment = deployment.restart().await;
    let mut alice = User::arrive(&deployment, "alice").await;
    alice.session_key = session_key;
    alice.sign(&wallet, &note("same session")).await;
}

#[tokio::test]
async fn without_kms_a_fresh_enclave_refuses_and_recovers() {
    let mut deployment = Deployment::start().await;
    let (session_key, wallet) = {
        let alice = User::signed_in(&deployment, "alice").await;
        let wallet = alice.create_wallet().await;
        (alice.session_key, wallet)
    };
    // The attestation needs the statement key, so fetch it while KMS still answers.
    deployment.stack.restart_enclave().await.unwrap();
    let mut alice = User::arrive(&deployment, "alice").await;
    alice.session_key = session_key;
    deployment.stack.world().kms().unwrap().set_fault(Some(KmsFault::Internal));
    let before = Before::of(&deployment);
    let answer = alice.start_sign(&wallet, &note("no keys")).start.send(&deployment).await;
    assert_eq!(answer.problem(), ProblemCode::KmsUnavailable);
    before.only_changed(REFUSED_AFTER_SIGNATURE);
    deployment.stack.world().kms().unwrap().set_fault(None);
    alice.sign(&wallet, &note("keys again")).await;
}
