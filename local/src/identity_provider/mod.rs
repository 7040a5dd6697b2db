//! The development identity provider: OpenID Connect discovery, a JWK set and a token endpoint for
//! test users, over TLS under the development authority. Tests can make it sign bad tokens.
//!
//! Two issuers (`development`, `partner`) have the same users and keys of their own, so that "the
//! same subject from two issuers" can be tried.

mod keys;
mod routes;
mod token;

pub(crate) use token::unix_now_s;
pub use token::{Signing, TOKEN_LIFETIME_S, TokenDraft};

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;
use zeroize::Zeroizing;

use crate::background::Background;
use crate::world::Purpose;
use crate::{Error, data_dir, tls};
use keys::SigningKeys;

/// The issuer that stands for an app's own identity provider.
pub const DEVELOPMENT: &str = "development";
/// A second one, with the same users and other keys.
pub const PARTNER: &str = "partner";
/// The names of the test users.
pub const TEST_USERS: &[&str] = &["alice", "bob"];
/// While a stack is measured, whoever has this before a number in their name is a user too, and all
/// of them have one password: that of the file with this name.
pub const CROWD: &str = "crowd";

/// A running identity provider.
pub struct IdentityProvider {
    realm: Arc<Realm>,
    port: u16,
}

struct Realm {
    issuers: Vec<Issuer>,
    users: Vec<TestUser>,
    crowd: Option<TestUser>,
}

impl Realm {
    fn issuer(&self, name: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.name == name)
    }

    /// The password of whoever has a name, if somebody has it.
    fn password_of(&self, name: &str) -> Option<&str> {
        let in_crowd = || {
            let number = name.strip_prefix(CROWD)?.strip_prefix('-')?;
            number.parse::<u32>().is_ok().then_some(self.crowd.as_ref()?)
        };
        let user = self.users.iter().find(|user| user.name == name).or_else(in_crowd);
        user.map(TestUser::password)
    }
}

/// One issuer of the identity provider.
pub struct Issuer {
    name: &'static str,
    url: String,
    keys: SigningKeys,
    jwks_requests: AtomicU64,
    outage: AtomicBool,
}

/// A user who exists from the first start, with a random password.
pub struct TestUser {
    name: String,
    password: Zeroizing<String>,
}

impl IdentityProvider {
    /// Serves on a bound listener in the background. Keys and passwords are made in
    /// `dir` when they are not there.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`] or [`Error::Key`] for its files.
    pub(crate) fn start(
        dir: &Path,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        purpose: Purpose,
        background: &Background,
    ) -> Result<Self, Error> {
        let port = listener.local_addr().map_err(|e| Error::io("ask", "a socket", e))?.port();
        let issuers = [DEVELOPMENT, PARTNER]
            .into_iter()
            .map(|name| Issuer::load_or_create(dir, name, port))
            .collect::<Result<_, _>>()?;
        let users = TEST_USERS
            .iter()
            .map(|name| TestUser::load_or_create(dir, name))
            .collect::<Result<_, _>>()?;
        let crowd = (purpose == Purpose::Measurement)
            .then(|| TestUser::load_or_create(dir, CROWD))
            .transpose()?;
        let realm = Arc::new(Realm { issuers, users, crowd });
        tls::serve(listener, tls, routes::router(Arc::clone(&realm)), background);
        Ok(Self { realm, port })
    }

    /// The URL of the issuer that stands for the app's own: where discovery starts.
    pub fn url(&self) -> &str {
        self.development().url()
    }

    /// The port it listens on.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The issuer that stands for the app's own.
    pub fn development(&self) -> &Issuer {
        &self.realm.issuers[0]
    }

    /// The other issuer.
    pub fn partner(&self) -> &Issuer {
        &self.realm.issuers[1]
    }

    /// The test users.
    pub fn users(&self) -> &[TestUser] {
        &self.realm.users
    }
}

impl Issuer {
    fn load_or_create(dir: &Path, name: &'static str, port: u16) -> Result<Self, Error> {
        Ok(Self {
            name,
            url: format!("https://localhost:{port}/realms/{name}"),
            keys: SigningKeys::load_or_create(dir, name)?,
            jwks_requests: AtomicU64::new(0),
            outage: AtomicBool::new(false),
        })
    }

    /// The `iss` claim of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its keys are.
    pub fn jwks_uri(&self) -> String {
        format!("{}/jwks", self.url)
    }

    /// A token that would be good once signed, but for the nonce.
    pub fn token(&self, subject: &str, audience: &str) -> TokenDraft<'_> {
        TokenDraft::new(self, subject, audience)
    }

    /// How often its keys were fetched.
    pub fn jwks_requests(&self) -> u64 {
        self.jwks_requests.load(Ordering::Relaxed)
    }

    /// Makes its keys unavailable, or available again.
    pub fn set_outage(&self, outage: bool) {
        self.outage.store(outage, Ordering::Relaxed);
    }
}

impl TestUser {
    fn load_or_create(dir: &Path, name: &str) -> Result<Self, Error> {
        let path = dir.join(format!("{name}.password"));
        let bytes = data_dir::read_or_create(&path, || {
            let mut fresh = Zeroizing::new([0; 12]);
            getrandom::fill(&mut *fresh).map_err(|_| Error::Key("random bytes"))?;
            Ok(Zeroizing::new(hex::encode(*fresh).into_bytes()))
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|e| Error::damaged(&path, e))?;
        Ok(Self { name: name.to_owned(), password: Zeroizing::new(text.trim().to_owned()) })
    }

    /// The user's name, which is the `sub` claim.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user's password; also in the data directory's `idp/<name>.password`.
    pub fn password(&self) -> &str {
        &self.password
    }
}
