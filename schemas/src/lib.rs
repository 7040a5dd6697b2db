//! The words that cross a boundary: HTTP bodies ([`http`]), what travels inside the encapsulation
//! ([`sealed`]), what a function and an enclave say to each other ([`enclave`]), what
//! the host hands to its enclave ([`host`]) and says of it to functions ([`fleet`]), and the stable
//! problem codes ([`ProblemCode`]).
//!
//! This crate trusts nobody: every decoder caps sizes before it parses ([`codec`]) and rejects
//! unknown fields in sealed payloads. It holds no logic beyond that, and no cryptography.
//!
//! ```
//! use sharekeep_schemas::{codec, sealed::StepCeremony};
//! let step = StepCeremony { version: 1, step: 2, messages: vec![] };
//! let bytes = codec::encode(&step);
//! assert_eq!(codec::decode::<StepCeremony>(&bytes, 1024).unwrap().step, 2);
//! ```

pub mod codec;
pub mod enclave;
pub mod fleet;
pub mod host;
pub mod http;
mod ids;
pub mod limits;
mod openapi;
mod problem;
pub mod sealed;
mod secret;
pub mod tenant;
pub mod trust;
mod words;

pub use ids::{
    CeremonyId, DataKeyNumber, DeviceId, EnclaveKeyId, EventId, FactorId, IdError, IdempotencyKey,
    PreparationId, SessionKeyId, TenantId, TokenId, UserId, WalletId,
};
pub use problem::{Problem, ProblemCode};
pub use secret::{SecretBytes, SecretText};
pub use words::{
    CeremonyKind, CeremonyState, EventKind, FactorKind, PreparationScope, Protocol, Scheme, Scope,
    SessionKeyAlgorithm, SessionPublicKey, TokenBinding, UnknownWord, WalletStatus,
};
