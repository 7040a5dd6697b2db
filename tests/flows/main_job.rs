//! The main job with the client's own SDK: sign in, make a wallet of each scheme, sign, restart the
//! whole stack, sign again.

use sharekeep::{
    AttestationRoot, Client, Home, NewFactor, NewWallet, OpenHome, Passphrase, PendingSession,
    Session, SessionWish, Settings, SignedIn, Silent,
};
use sharekeep_local::identity_provider::Signing;
use sharekeep_local::world::TENANT;
use sharekeep_messages::SignRequest;
use sharekeep_recovery::factor_set::Waiver;
use sharekeep_schemas::{Protocol, Scheme, SecretText, WalletId, WalletStatus};
use sharekeep_tests::message::note;
use sharekeep_tests::primes::published_primes;
use sharekeep_tests::{Deployment, Site};
use std::path::Path;

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple".to_owned()).unwrap()
}

/// The settings that `init` makes of what `up` prints.
fn settings(deployment: &Deployment) -> Settings {
    let root = std::fs::read(deployment.path("root.der")).unwrap();
    let pcrs = std::fs::read(deployment.path("pcrs.json")).unwrap();
    Settings::new(
        deployment.stack.base_url().parse().unwrap(),
        TENANT.parse().unwrap(),
        AttestationRoot::from_file_content(&root).unwrap(),
        Settings::read_allowlist(&pcrs).unwrap(),
        None,
    )
    .unwrap()
}

struct Device {
    home: OpenHome,
    client: Client,
    session: Session,
}

impl Device {
    async fn sign_in(deployment: &Deployment, home: OpenHome) -> Self {
        let client = Client::new(settings(deployment), home.pins().unwrap()).unwrap();
        let pending = PendingSession::generate();
        let token = deployment
            .world()
            .identity_provider
            .development()
            .token("alice", TENANT)
            .nonce(&pending.nonce())
            .sign(Signing::Rs256)
            .unwrap();
        let wish = SessionWish::default();
        let session = client
            .open_session(home.device(), pending, SecretText::new(token), &wish)
            .await
            .unwrap();
        let device = Self { home, client, session };
        if device.user().sync_recovery().await.unwrap().is_none() {
            let code = vec![NewFactor::recovery_code()];
            let draft = device.user().draft_recovery(code, Waiver::NotGiven).await.unwrap();
            device.user().commit_factors(draft).await.unwrap();
        }
        device
    }

    fn user(&self) -> SignedIn<'_> {
        SignedIn::new(&self.client, &self.home, &self.session, &Silent)
    }

    async fn create(&self, scheme: Scheme, protocol: Protocol) -> WalletId {
        let new = NewWallet { scheme, protocol, name: None };
        let wallet = self.user().create_wallet(&new).await.unwrap();
        assert_eq!(wallet.status, WalletStatus::Active);
        wallet.id
    }

    /// Signs and lets the message's own crate verify.
    async fn sign(&self, wallet: WalletId, what: &SignRequest) {
        let wallet = self.home.wallet(wallet).unwrap().unwrap();
        let signed = self.user().sign(&wallet, what).await.unwrap();
        let scheme = wallet.scheme();
        let decoded = what.decode(scheme, &wallet.public_key()).unwrap();
        decoded.to_sign.verify(&wallet.public_key(), &signed.signature).unwrap();
    }
}

fn new_home(deployment: &Deployment, directory: &Path) -> OpenHome {
    Home::create(directory, settings(deployment), &passphrase()).unwrap()
}

/// Makes a wallet, signs, restarts everything, signs again; then with the old session gone.
async fn main_job(scheme: Scheme, protocol: Protocol) {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let directory = homes.path().join("home");
    let device = Device::sign_in(&deployment, new_home(&deployment, &directory)).await;
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
    let device = Device::sign_in(&deployment, home).await;
    device.sign(wallet, &note("after the restart")).await;
    // The deployment's statement key outlived the enclave.
    assert!(pins.is_some());
    let listed = device.client.list_wallets(&device.session).await.unwrap();
    assert_eq!(listed.iter().map(|w| w.wallet_id).collect::<Vec<_>>(), [wallet]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ed25519_wallet_signs_before_and_after_a_restart() {
    main_job(Scheme::EddsaEd25519, Protocol::Frost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taproot_wallet_signs_before_and_after_a_restart() {
    main_job(Scheme::SchnorrBip340, Protocol::Frost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dkls23_wallet_signs_before_and_after_a_restart() {
    main_job(Scheme::EcdsaSecp256k1, Protocol::Dkls23).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cggmp24_wallet_signs_before_and_after_a_restart() {
    main_job(Scheme::EcdsaSecp256k1, Protocol::Cggmp24).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_and_protocol_that_do_not_fit_are_refused() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let device =
        Device::sign_in(&deployment, new_home(&deployment, &homes.path().join("home"))).await;
    let records = deployment.records();
    let new = NewWallet { scheme: Scheme::EddsaEd25519, protocol: Protocol::Cggmp24, name: None };
    assert!(device.user().create_wallet(&new).await.is_err());
    assert_eq!(deployment.records(), records);
}
