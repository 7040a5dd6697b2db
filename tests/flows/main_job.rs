//! The main job with the client's own SDK: sign in, make a wallet of each scheme, sign, restart the
//! whole stack, sign again.

use sharekeep::{NewFactor, NewWallet};
use sharekeep_schemas::{Protocol, Scheme};
use sharekeep_tests::flow::main_job;
use sharekeep_tests::{Deployment, Phone, Site};

#[tokio::test(flavor = "multi_thread")]
async fn an_ed25519_wallet_signs_before_and_after_a_restart() {
    main_job(Deployment::start().await, Scheme::EddsaEd25519, Protocol::Frost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taproot_wallet_signs_before_and_after_a_restart() {
    main_job(Deployment::start().await, Scheme::SchnorrBip340, Protocol::Frost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dkls23_wallet_signs_before_and_after_a_restart() {
    main_job(Deployment::start().await, Scheme::EcdsaSecp256k1, Protocol::Dkls23).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cggmp24_wallet_signs_before_and_after_a_restart() {
    main_job(Deployment::start().await, Scheme::EcdsaSecp256k1, Protocol::Cggmp24).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_and_protocol_that_do_not_fit_are_refused() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let device = Phone::fresh(&deployment, &homes.path().join("home"), "alice").await;
    device.set_up(vec![NewFactor::recovery_code()]).await;
    let records = deployment.records();
    let new = NewWallet { scheme: Scheme::EddsaEd25519, protocol: Protocol::Cggmp24, name: None };
    assert!(device.user().create_wallet(&new).await.is_err());
    assert_eq!(deployment.records(), records);
}
