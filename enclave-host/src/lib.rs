//! The program on the parent instance, beside the enclave.
//!
//! **One job.** Carry bytes: from the network to the enclave ([`Forward`]), from the enclave to the
//! few places it may reach ([`egress`]), and the instance role's credentials to it
//! ([`HandOut`]). And tell functions that the enclave is there ([`Registration`]).
//!
//! **Trusted with** availability only. It sees ciphertext: requests are sealed to the enclave's key, TLS
//! ends inside the enclave, and KMS opens nothing for these credentials without the enclave's
//! attestation. **Trusts** neither side: what the enclave asks for is looked up in a fixed list, so
//! that even a broken enclave reaches nothing else from here, the instance's metadata service least
//! of all; connections, heads and times are bounded.
//!
//! ```
//! use sharekeep_enclave_host::egress::{Allowlist, Reach};
//! let mut allowed = Allowlist::default();
//! allowed.allow("kms.eu-central-1.amazonaws.com:443", Reach::Public).unwrap();
//! assert!(allowed.allow("169.254.169.254:80", Reach::Public).is_err());
//! ```

mod credentials;
mod door;
mod drain;
pub mod egress;
mod error;
mod fleet;
mod forward;
mod relay;

pub use credentials::HandOut;
pub use door::Door;
pub use drain::Drain;
pub use error::Error;
pub use fleet::{DynamoFleet, FleetTable, Registration};
pub use forward::Forward;
