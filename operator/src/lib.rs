//! The operator's half of Sharekeep: what a person who runs a deployment does by hand.
//!
//! One job: make the operator's and the release signers' keys ([`SealedKey`]), write the trust
//! configuration that is measured into an image ([`trust`]), sign and store the documents of tenants
//! ([`tenant`]) and the releases of images ([`mod@release`]), and find out whether a running deployment is
//! what it must be ([`doctor`]). The command
//! `sharekeep-operator`, which `sharekeep operator` starts, is a thin layer over this.
//!
//! **Trusts** the files that it is given (a trust configuration, measurements) and this machine's clock.
//! **Does not trust** AWS's answers more than they deserve: documents of tenants are verified whenever
//! they are read, an enclave is believed by its attestation alone, and a key's policy is compared as a
//! whole. It never sees a share, a backup or a token, and needs no right to a table but `tenants`.
//!
//! ```
//! use sharekeep_operator::{KeyUse, SealedKey};
//! let key = SealedKey::generate(KeyUse::Operator, "first operator").unwrap();
//! let text = key.public().to_string();
//! assert_eq!(text.parse::<sharekeep_operator::PublicKey>().unwrap(), key.public());
//! ```

pub mod doctor;
mod error;
mod key;
pub mod release;
pub mod tenant;
pub mod trust;

pub use error::{Error, Result};
pub use key::{KeyUse, PublicKey, SealedKey};
