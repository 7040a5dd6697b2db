//! Users who come and go: each with a device of its own, made by the SDK.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use sharekeep::{
    AttestationRoot, Client, Home, IdentityProvider, NewFactor, OpenHome, Passphrase,
    PasswordGrant, PendingSession, Progress, ReleaseKeys, Releases, Session, SessionWish, Settings,
    SignedIn, SignedRelease, Silent,
};
use sharekeep_demo::Stack;
use sharekeep_recovery::factor_set::Waiver;
use sharekeep_schemas::SecretText;

/// Where users come from, and the client that all of them share: it holds nothing of theirs.
pub(crate) struct Crowd {
    client: Client,
    provider: IdentityProvider,
    password: SecretText,
    devices: PathBuf,
    users: AtomicU32,
    homes: AtomicU32,
}

/// A device with a user signed in.
pub(crate) struct Device {
    pub(crate) home: OpenHome,
    pub(crate) session: Session,
}

impl Crowd {
    /// Users of a stack that is measured. Their devices are kept in a directory.
    pub(crate) fn of(stack: &Stack, devices: PathBuf) -> Result<Self> {
        let read = |name| Ok::<_, anyhow::Error>(std::fs::read(stack.fact(name)?)?);
        let settings = Settings::new(
            stack.fact("url")?.parse()?,
            stack.fact("tenant")?.parse()?,
            AttestationRoot::from_file_content(&read("attestation root")?)?,
            ReleaseKeys::parse(&String::from_utf8(read("release keys")?)?)?,
            None,
        );
        let mut releases = Releases::none();
        let release = SignedRelease::parse(&String::from_utf8(read("release")?)?)?;
        releases.add(&settings.release_keys, release)?;
        let authorities = String::from_utf8(read("identity provider ca")?)?;
        let issuer = stack.fact("identity provider")?.parse()?;
        let password = Path::new(stack.fact("data")?).join("idp/crowd.password");
        Ok(Self {
            client: Client::new(settings, releases, None)?,
            provider: IdentityProvider::new(issuer, Some(&authorities))?,
            password: SecretText::new(std::fs::read_to_string(password)?.trim().to_owned()),
            devices,
            users: AtomicU32::new(0),
            homes: AtomicU32::new(0),
        })
    }

    /// The client.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// The name of somebody who was never here.
    pub(crate) fn new_name(&self) -> String {
        format!("crowd-{}", self.users.fetch_add(1, Ordering::Relaxed))
    }

    /// A new device on which a user signs in. Making its home takes a fifth of a second of CPU.
    pub(crate) async fn sign_in(&self, name: &str) -> Result<Device> {
        let number = self.homes.fetch_add(1, Ordering::Relaxed);
        let directory = self.devices.join(number.to_string());
        let passphrase = Passphrase::new("only for the bench".to_owned())?;
        let (settings, releases) = (self.client.settings().clone(), self.client.releases());
        let home = Home::create(&directory, settings, releases.signed(), &passphrase)?;
        let pending = PendingSession::generate();
        let grant = PasswordGrant {
            client_id: self.client.settings().tenant.as_str(),
            user: name,
            password: &self.password,
            nonce: &pending.nonce(),
        };
        let token = self.provider.token(&grant).await?;
        let wish = SessionWish::default();
        let session = self.client.open_session(home.device(), pending, token, &wish).await?;
        Ok(Device { home, session })
    }

    /// A new user whose recovery is set up with some factors besides a recovery code; and that code.
    pub(crate) async fn new_user(&self, mut factors: Vec<NewFactor>) -> Result<NewUser> {
        let name = self.new_name();
        let device = self.sign_in(&name).await?;
        let code = NewFactor::recovery_code();
        let code_text = code.code().context("a recovery code without its text")?.to_string();
        factors.push(code);
        let user = device.user(self);
        let draft = user.draft_recovery(factors, Waiver::NotGiven).await?;
        user.commit_factors(draft).await?.read_back?;
        Ok(NewUser { name, device, recovery_code: code_text })
    }
}

/// Somebody new, on their first device.
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) device: Device,
    pub(crate) recovery_code: String,
}

impl Device {
    /// The user at work.
    pub(crate) fn user<'a>(&'a self, crowd: &'a Crowd) -> SignedIn<'a> {
        self.watched_user(crowd, &Silent)
    }

    /// The same, telling how it goes.
    pub(crate) fn watched_user<'a>(
        &'a self,
        crowd: &'a Crowd,
        progress: &'a dyn Progress,
    ) -> SignedIn<'a> {
        SignedIn::new(&crowd.client, &self.home, &self.session, progress)
    }

    /// Loses the device and all that is on it.
    pub(crate) fn lose(self) -> Result<()> {
        let directory = self.home.directory().to_owned();
        drop(self.home);
        Ok(std::fs::remove_dir_all(directory)?)
    }
}
