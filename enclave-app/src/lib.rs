//! The program in the enclave: it decides everything that matters and keeps nothing on disk.
//!
//! **One job.** Take a client's request with the sealed records that go with it, check all of it
//! again, decide, and return a sealed answer with the writes that must be committed first.
//!
//! **Trusts** the image it runs in and what is measured with it (the trust configuration), the NSM,
//! its own memory, and KMS at the pinned key's name over TLS that ends here. **Does not trust** the
//! functions, the store, the host or the network: they may drop, repeat, reorder, invent and keep
//! anything they see. So it believes only records that it can open, documents that the operator
//! signed and requests that a session key signed; it takes the stricter of its memory and a record;
//! and every size, count and time is bounded before it costs anything.
//!
//! | module | job |
//! |---|---|
//! | [`ports`] | what it needs from outside: NSM, KMS, clock, randomness, egress, credentials, issuers' keys |
//! | [`core`] | the decisions: pure, given records, time and randomness |
//! | [`record`] | the plaintexts of sealed records, encoded explicitly |
//! | [`kms`], [`net`] | the real KMS client and TLS |
//! | [`guest`] | what the first program of the image does before anything is served |
//! | [`work`] | bounded CPU: worker threads, and primes in idle time |
//! | [`Enclave`], [`serve`] | drives the core's wishes, and serves it over a Unix socket or vsock |
//!
//! ```
//! use sharekeep_enclave_app::core::{Route, route};
//! // A function cannot choose the operation: the enclave routes by what the client signed.
//! assert!(matches!(route("POST", "/v1/wallets"), Ok(Route::CreateWallet)));
//! assert!(route("POST", "/v1/wallets/../sessions").is_err());
//! ```

mod backoff;
pub mod core;
mod enclave;
mod error;
pub mod guest;
pub mod kms;
mod kms_health;
pub mod net;
pub mod ports;
pub mod record;
mod serve;
mod settings;
pub mod work;

pub use enclave::Enclave;
pub use error::Error;
pub use serve::serve;
pub use settings::{Limits, Settings, Share};
pub use sharekeep_trust::Trust;
pub use sharekeep_vsock::Listener;
