//! The main job with the client's own SDK: sign in, make a wallet of each scheme, sign, restart the
//! whole stack, sign again.

use sharekeep::{Home, NewFactor, NewWallet};
use sharekeep_schemas::{Protocol, Scheme};
use sharekeep_tests::message::note;
use sharekeep_tests::phone::{new_home, passphrase};
use sharekeep_tests::primes::published_primes;
use sharekeep_tests::{Deployment, Phone, Site};

/// Makes a wallet, signs, restarts everything, signs again; then with the old session gone.
pub(crate) async fn main_job(deployment: Deployment, scheme: Scheme, protocol: Protocol) {
    let homes = tempfile::tempdir().unwrap();
    let directory = homes.path().join("home");
    let device = Phone::sign_in(&deployment, new_home(&deployment, &directory), "alice").await;
    device.set_up(vec![NewFactor::recovery_code()]).await;
    if protocol == Protocol::Cggmp24 {
        deployment.stack.enclave().unwrap().primes().add_set(published_primes(1));
        device.user().prepare_pair(Some(published_primes(0))).await.unwrap();
    }
    let wallet = device.create(scheme, protocol).await;
    device.sign(wallet, &note("first")).await;
    let pins = device.client.pins();
    drop(device);

    let deployment = deployment.restart().await;
    let home = Home::open(&directory).unwrap().unlock(&passphrase()).unwrap();
    let device = Phone::sign_in(&deployment, home, "alice").await;
    device.sign(wallet, &note("after the restart")).await;
    // The deployment's statement key outlived the enclave.
    assert!(pins.is_some());
    let listed = device.client.list_wallets(&device.session).await.unwrap();
    assert_eq!(listed.iter().map(|w| w.wallet_id).collect::<Vec<_>>(), [wallet]);
}

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
