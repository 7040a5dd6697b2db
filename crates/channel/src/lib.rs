//! What client and enclave share on the way to each other, and nothing else: sealed requests and
//! answers, request signatures, attestation, receipts, and the two formats that only the enclave
//! reads ([`record_seal`], [`cms`]) but that need no I/O either. Pure: no clock, no network, no
//! randomness of its own; time, roots and random generators are arguments.
//!
//! Trusted: the caller's clock, random generator and pinned root. Not trusted: every byte that is
//! parsed here. Lengths are capped before parsing, depths are bounded, each format has exactly one
//! accepted encoding, and whatever comes from outside fails with an [`Error`], never with a panic.
//!
//! | module | between | stops |
//! |---|---|---|
//! | [`encapsulation`] | client ↔ enclave | anybody on the way reading or moving a request |
//! | [`signature`] | client → functions and enclave | unsigned, replayed, changed requests |
//! | [`attestation`] | enclave → client, KMS | an enclave that is not the released image |
//! | [`receipt`] | enclave → client | a store that is quietly set back |
//! | [`sealed_box`] | client → its user, later | anybody reading what waits for a recovery |
//! | [`record_seal`] | enclave → store → enclave | records read, changed, moved or swapped |
//! | [`cms`] | KMS → enclave | a data key that anyone else can open |
//!
//! ```
//! use sharekeep_channel::encapsulation::{EnclaveKeyPair, RequestBinding, Sender, Suite};
//! use sharekeep_channel::signature::{SessionAlgorithm, SessionSigningKey};
//! # use rand_core::OsRng;
//! # fn main() -> sharekeep_channel::Result<()> {
//! let enclave = EnclaveKeyPair::generate(&mut OsRng);
//! let session = SessionSigningKey::generate(SessionAlgorithm::Ed25519, &mut OsRng);
//! let session = session.public_key().key_id();
//! let (method, path, idempotency_key) = ("POST", "/v1/wallets", "0f3a");
//! let binding = RequestBinding { method, path, session, idempotency_key };
//!
//! let sender = Sender::new(enclave.public_key(), Suite::default(), &binding, &mut OsRng)?;
//! let (sealed, opener) = sender.seal(b"make me a wallet")?;
//!
//! let request = enclave.open(&binding, &sealed)?;
//! assert_eq!(request.plaintext.as_slice(), b"make me a wallet");
//! let answer = request.responder.seal(b"here it is", &mut OsRng)?;
//! assert_eq!(opener.open(&answer)?.as_slice(), b"here it is");
//! # Ok(())
//! # }
//! ```

pub mod attestation;
mod cbor;
pub mod cms;
pub mod encapsulation;
mod error;
mod newtype;
pub mod receipt;
pub mod record_seal;
pub mod sealed_box;
pub mod signature;
mod transcript;

pub use error::{Error, Result};
pub use transcript::Transcript;
