//! What the service is for, with the shipped image as its enclave: the same flows as elsewhere, through
//! functions, host and vsock into the guest.
//!
//! Of ECDSA's protocols only dkls23 is here. The image finds its own safe primes for cggmp24, and takes
//! none from a test; in software emulation the first four take it longer than nine minutes.

use sharekeep_schemas::{Protocol, Scheme};
use sharekeep_tests::guests::{Boots, Guests};
use sharekeep_tests::{Deployment, flow};

async fn deployment() -> Deployment {
    Deployment::start_with(Guests::new(Boots::Release).options()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn an_ed25519_wallet_signs_before_and_after_a_restart() {
    flow::main_job(deployment().await, Scheme::EddsaEd25519, Protocol::Frost).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_taproot_wallet_signs_before_and_after_a_restart() {
    flow::main_job(deployment().await, Scheme::SchnorrBip340, Protocol::Frost).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_dkls23_wallet_signs_before_and_after_a_restart() {
    flow::main_job(deployment().await, Scheme::EcdsaSecp256k1, Protocol::Dkls23).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_passcode_wrong_twice_and_then_right_restores_and_other_devices_are_told() {
    flow::wrong_twice_then_right(deployment().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_password_at_the_identity_provider_opens_a_session() {
    flow::password_opens_a_session(deployment().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_guest_killed_in_mid_ceremony_loses_the_ceremony_and_no_wallet() {
    flow::a_lost_ceremony_harms_no_wallet(deployment().await).await;
}
