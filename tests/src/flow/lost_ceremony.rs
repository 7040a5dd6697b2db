use crate::message::note;
use crate::{Deployment, User};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::{Page, WalletView};

/// Kills the enclave in the middle of a ceremony, and uses the wallet that was there before.
pub async fn a_lost_ceremony_harms_no_wallet(mut deployment: Deployment) {
    let (device, device_key, session_key, wallet, mut step) = {
        let alice = User::signed_in(&deployment, "alice").await;
        let wallet = alice.create_wallet().await;
        let (_, step) = alice.second_step().await;
        (alice.device, alice.device_key, alice.session_key, wallet, step)
    };
    deployment.stack.restart_enclave().await.unwrap();
    let mut alice = User::arrive(&deployment, "alice").await;
    (alice.device, alice.device_key, alice.session_key) = (device, device_key, session_key);
    step.request.sign(&alice.session_key);
    assert_eq!(step.send(&deployment).await.problem(), ProblemCode::EnclaveKeyUnknown);
    let wallets = alice.get("/v1/wallets").await.json::<Page<WalletView>>().items;
    assert_eq!(wallets.iter().map(|it| it.wallet_id).collect::<Vec<_>>(), [wallet.id]);
    alice.sign(&wallet, &note("after the crash")).await;
    // And what was lost can be begun anew.
    alice.second_step().await;
}
