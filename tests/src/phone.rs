//! A device of a user with the client's own SDK.

use crate::deployment::{Deployment, Site};
use sharekeep::{
    AttestationRoot, Client, Home, NewFactor, NewWallet, OpenHome, Passphrase, PendingSession,
    ReleaseKeys, RestoreReport, Result, Session, SessionWish, Settings, SignedIn, SignedRelease,
    Silent, UnlockWith,
};
use sharekeep_local::identity_provider::Signing;
use sharekeep_local::world::TENANT;
use sharekeep_messages::SignRequest;
use sharekeep_recovery::RecoveryCode;
use sharekeep_recovery::factor_set::Waiver;
use sharekeep_recovery::passcode::Passcode;
use sharekeep_schemas::{DeviceId, Protocol, Scheme, SecretText, WalletId, WalletStatus};
use std::path::Path;

pub struct Phone {
    pub home: OpenHome,
    pub client: Client,
    pub session: Session,
}

pub fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple".to_owned()).unwrap()
}

/// The settings that `init` makes of what `up` prints.
pub fn settings(deployment: &Deployment) -> Settings {
    let root = std::fs::read(deployment.path("root.der")).unwrap();
    let releases = deployment.world().releases();
    let keys = std::fs::read_to_string(deployment.path(releases.keys_file())).unwrap();
    Settings::new(
        deployment.stack.base_url().parse().unwrap(),
        TENANT.parse().unwrap(),
        AttestationRoot::from_file_content(&root).unwrap(),
        ReleaseKeys::parse(&keys).unwrap(),
        None,
    )
}

/// The release of the image that runs.
pub fn release(deployment: &Deployment) -> SignedRelease {
    let file = deployment.world().releases().running_file();
    let text = std::fs::read_to_string(deployment.path(&file)).unwrap();
    SignedRelease::parse(&text).unwrap()
}

pub fn new_home(deployment: &Deployment, directory: &Path) -> OpenHome {
    let releases = [release(deployment)];
    Home::create(directory, settings(deployment), &releases, &passphrase()).unwrap()
}

impl Phone {
    /// A device that was never used, signed in.
    pub async fn fresh(deployment: &Deployment, directory: &Path, name: &str) -> Self {
        Self::sign_in(deployment, new_home(deployment, directory), name).await
    }

    pub async fn sign_in(deployment: &Deployment, home: OpenHome, name: &str) -> Self {
        Self::try_sign_in(deployment, home, name).await.unwrap()
    }

    /// Attests the enclave and opens a session, if it is one that this device trusts.
    pub async fn try_sign_in(deployment: &Deployment, home: OpenHome, name: &str) -> Result<Self> {
        let (releases, pins) = (home.releases().unwrap(), home.pins().unwrap());
        let client = Client::new(settings(deployment), releases, pins).unwrap();
        let session = open_session(deployment, &client, &home, name).await?;
        Ok(Self { home, client, session })
    }

    /// Tries to open another session on the same device.
    pub async fn sign_in_again(&self, deployment: &Deployment, name: &str) -> Result<Session> {
        open_session(deployment, &self.client, &self.home, name).await
    }

    pub fn user(&self) -> SignedIn<'_> {
        SignedIn::new(&self.client, &self.home, &self.session, &Silent)
    }

    pub fn device(&self) -> DeviceId {
        self.home.device().id()
    }

    /// Sets recovery up.
    pub async fn set_up(&self, factors: Vec<NewFactor>) {
        let draft = self.user().draft_recovery(factors, Waiver::NotGiven).await.unwrap();
        self.user().commit_factors(draft).await.unwrap().read_back.unwrap();
    }

    /// Sets recovery up with a passcode and a recovery code, which it gives.
    pub async fn set_up_with_passcode(&self, text: &str) -> String {
        let code = NewFactor::recovery_code();
        let text_of_code = code.code().unwrap().to_string();
        self.set_up(vec![code, NewFactor::passcode(passcode(text))]).await;
        text_of_code
    }

    pub async fn create(&self, scheme: Scheme, protocol: Protocol) -> WalletId {
        let new = NewWallet { scheme, protocol, name: None };
        let wallet = self.user().create_wallet(&new).await.unwrap();
        assert_eq!(wallet.status, WalletStatus::Active);
        wallet.id
    }

    /// Makes the cheapest wallet.
    pub async fn create_frost(&self) -> WalletId {
        self.create(Scheme::EddsaEd25519, Protocol::Frost).await
    }

    /// Signs and lets the message's own crate verify.
    pub async fn sign(&self, wallet: WalletId, what: &SignRequest) {
        self.try_sign(wallet, what).await.unwrap();
    }

    pub async fn try_sign(&self, wallet: WalletId, what: &SignRequest) -> Result<()> {
        let wallet = self.home.wallet(wallet)?.expect("this device has no such wallet");
        let signed = self.user().sign(&wallet, what).await?;
        let scheme = wallet.scheme();
        let decoded = what.decode(scheme, &wallet.public_key()).unwrap();
        decoded.to_sign.verify(&wallet.public_key(), &signed.signature).unwrap();
        Ok(())
    }

    /// Unlocks with a factor and restores all wallets.
    pub async fn restore(&self, with: UnlockWith, lost: &[DeviceId]) -> Result<RestoreReport> {
        let unlocked = self.user().unlock(with).await?;
        self.user().restore(&unlocked, lost).await
    }
}

async fn open_session(
    deployment: &Deployment,
    client: &Client,
    home: &OpenHome,
    name: &str,
) -> Result<Session> {
    let pending = PendingSession::generate();
    let issuer = deployment.world().identity_provider.development();
    let token = issuer.token(name, TENANT).nonce(&pending.nonce()).sign(Signing::Rs256).unwrap();
    let wish = SessionWish::default();
    client.open_session(home.device(), pending, SecretText::new(token), &wish).await
}

pub fn passcode(text: &str) -> Passcode {
    Passcode::new(text).unwrap()
}

pub fn with_passcode(text: &str) -> UnlockWith {
    UnlockWith::Passcode { passcode: passcode(text), factor: None }
}

pub fn with_code(text: &str) -> UnlockWith {
    UnlockWith::RecoveryCode(RecoveryCode::parse(text).unwrap())
}
