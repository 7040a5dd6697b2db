//! The user's half of Sharekeep: an SDK ([`Client`], [`Home`], [`SignedIn`]) and the `sharekeep`
//! command on top of it.
//!
//! One job: keep the device's shares, and make and use wallets together with an enclave that
//! proved what it is.
//!
//! **Trusts** the settings made at `init` (root certificate, release keys), the files in its own
//! home, and its clock within a minute. **Does not trust** the service in between: what it sends
//! is believed only when it comes sealed from the attested enclave, is checked against this
//! device's own share, or is signed by the deployment's pinned statement key. The user's recovery
//! key is pinned too: another one is believed only if it follows from that. A problem document
//! never makes it change or erase anything.
//!
//! ```no_run
//! use sharekeep::{Client, Home, NewWallet, Passphrase, SignedIn, Silent};
//! use sharekeep_messages::SignRequest;
//! use sharekeep_schemas::{Protocol, Scheme};
//!
//! # async fn example() -> sharekeep::Result<()> {
//! let home = Home::open(&Home::default_directory()?)?;
//! let home = home.unlock(&Passphrase::new("from a prompt".to_owned())?)?;
//! let client = Client::new(home.settings().clone(), home.releases()?, home.pins()?)?;
//! let session = home.session()?.expect("`sharekeep login` was run");
//!
//! let user = SignedIn::new(&client, &home, &session, &Silent);
//! let wallet = user
//!     .create_wallet(&NewWallet {
//!         scheme: Scheme::EddsaEd25519,
//!         protocol: Protocol::Frost,
//!         name: Some("savings".to_owned()),
//!     })
//!     .await?;
//! let request = SignRequest::Raw { bytes: b"hello".to_vec().into() };
//! println!("{}", wallet.decode(&request)?.description);
//! let signed = user.sign(&wallet, &request).await?;
//! # let _ = signed; Ok(()) }
//! ```

mod address;
mod attestation;
mod backup;
mod ceremony;
mod client;
mod clock;
mod device;
mod error;
#[cfg(fuzzing)]
pub mod fuzzed;
mod home;
mod identity_provider;
mod offline;
mod primes;
mod progress;
mod receipt;
mod recovery;
mod refusal;
mod releases;
mod restore;
mod retry;
mod session;
mod settings;
#[cfg(feature = "cli")]
pub mod terminal;
mod transport;
mod wallet;

#[cfg(test)]
mod fake_service;
#[cfg(test)]
mod tests;

pub use address::{ProviderUrl, ServiceUrl};
pub use backup::{BackupState, RefreshReport, VerifiedBackup};
pub use ceremony::{NewWallet, SignedIn, SignedMessage};
pub use client::Client;
pub use error::{Error, ErrorKind, Result};
pub use home::{
    AttestedImage, BackupMark, Device, HOME_VARIABLE, HeldPreparation, HeldRecovery, HeldWallet,
    Holding, Home, OpenHome, Passphrase, Pins, PreparationOrigin, Session,
};
pub use identity_provider::{IdentityProvider, PasswordGrant};
pub use offline::{Bundle, MAX_BUNDLE_BYTES};
pub use primes::PrimeFinder;
pub use progress::{PrimeProgress, Progress, Silent, Step};
pub use recovery::{
    Attempt, Committed, FactorDraft, FactorFile, NewFactor, SettledChange, UnlockWith,
    UnlockedRecovery, create_secret_file, open_with_passphrase, seal_with_passphrase,
    write_secret_file,
};
pub use refusal::Refusal;
pub use restore::{RestoreReport, WalletOutcome};
pub use retry::RetryPolicy;
pub use session::{PendingSession, SessionWish};
pub use settings::{AttestationRoot, Settings};
pub use sharekeep_release::{Release, ReleaseKeys, Releases, SignedRelease};
pub use transport::Traffic;
