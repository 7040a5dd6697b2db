//! What most commands begin with: the opened home, a client, the session.

use crate::arguments::Common;
use crate::progress::Display;
use crate::prompt;
use sharekeep::{Client, Error, Home, OpenHome, Passphrase, Result, Session, SignedIn};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// A session with less than this left is renewed before it is used: a preparation can take minutes
/// when the enclave has to search primes as well.
const RENEW_BELOW_S: u64 = 600;

/// An opened device.
pub(crate) struct Context {
    pub(crate) home: OpenHome,
    pub(crate) client: Client,
}

/// What a command that is signed in works with.
pub(crate) struct Work<'a> {
    pub(crate) context: &'a Context,
    pub(crate) session: &'a Session,
}

impl Context {
    /// Opens the device's directory with the passphrase.
    pub(crate) fn open(common: &Common) -> Result<Self> {
        Self::open_with(common, &prompt::passphrase(common)?)
    }

    /// The same with a passphrase that was asked for before.
    pub(crate) fn open_with(common: &Common, passphrase: &Passphrase) -> Result<Self> {
        let home = closed_home(common)?.unlock(passphrase)?;
        let client = Client::new(home.settings().clone(), home.releases()?, home.pins()?)?;
        Ok(Self { home, client })
    }

    /// The session, renewed if it ends soon.
    pub(crate) async fn session(&self) -> Result<Session> {
        let hint = "run `sharekeep login`";
        let mut session = self.home.session()?.ok_or(Error::NotSignedIn(hint))?;
        let now = now_unix_s();
        if session.is_over(now) {
            return Err(Error::NotSignedIn("the session has expired: run `sharekeep login`"));
        }
        // A session that cannot be renewed any more still is good for what is left of it.
        if session.expires_at_unix_s < now + RENEW_BELOW_S
            && self.client.renew_session(&mut session).await.is_ok()
        {
            self.home.store_session(&session)?;
        }
        Ok(session)
    }

    /// Keeps what was learnt about the enclave. Called at the end of every command, also of a
    /// failed one.
    pub(crate) fn keep_pins(&self) -> Result<()> {
        self.home.keep_releases(&self.client.releases())?;
        match self.client.pins() {
            Some(pins) if self.home.pins()?.as_ref() != Some(&pins) => self.home.store_pins(&pins),
            _ => Ok(()),
        }
    }

    /// Runs the work of a command that needs a session, and shows how it goes.
    pub(crate) async fn signed_in<T>(
        &self,
        work: impl AsyncFnOnce(&SignedIn<'_>, &Work<'_>) -> Result<T>,
    ) -> Result<T> {
        self.run(async |context| {
            let session = context.session().await?;
            let display = Display::new();
            let user = SignedIn::new(&context.client, &context.home, &session, &display);
            work(&user, &Work { context, session: &session }).await
        })
        .await
    }

    /// Runs a command's work and keeps what was learnt, whatever came of it.
    pub(crate) async fn run<T>(&self, work: impl AsyncFnOnce(&Self) -> Result<T>) -> Result<T> {
        let result = work(self).await;
        let kept = self.keep_pins();
        let value = result?;
        kept.map(|()| value)
    }
}

/// The device's directory without its secrets.
pub(crate) fn closed_home(common: &Common) -> Result<Home> {
    Home::open(&directory(common)?)
}

/// Where the device's directory is.
pub(crate) fn directory(common: &Common) -> Result<PathBuf> {
    common.home.clone().map_or_else(Home::default_directory, Ok)
}

/// Now, in seconds since 1970.
pub(crate) fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
