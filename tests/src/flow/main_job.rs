use crate::message::note;
use crate::phone::{new_home, passphrase};
use crate::primes::published_primes;
use crate::{Deployment, Phone};
use sharekeep::{Home, NewFactor};
use sharekeep_schemas::{Protocol, Scheme};

/// Makes a wallet, signs, restarts everything, signs again; then with the old session gone.
pub async fn main_job(deployment: Deployment, scheme: Scheme, protocol: Protocol) {
    let homes = tempfile::tempdir().unwrap();
    let directory = homes.path().join("home");
    let device = Phone::sign_in(&deployment, new_home(&deployment, &directory), "alice").await;
    device.set_up(vec![NewFactor::recovery_code()]).await;
    if protocol == Protocol::Cggmp24 {
        // Where the enclave is elsewhere, it has to find its own.
        if let Some(enclave) = deployment.stack.enclave() {
            enclave.primes().add_set(published_primes(1));
        }
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
