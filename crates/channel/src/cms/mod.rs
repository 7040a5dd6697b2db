//! The envelope in which KMS hands a data key to an attested enclave (`CiphertextForRecipient`):
//! CMS EnvelopedData (RFC 5652 section 6) with RSA-OAEP-SHA256 key transport (RFC 8017, RFC 4055)
//! and AES-256-CBC content.
//!
//! AWS writes BER with indefinite lengths and octet strings in chunks; emulators write DER. Both are
//! read. CBC has no authentication: who can change the envelope can change the key it yields, which
//! then opens no record; every failure is the one [`Error::CmsOpening`](crate::Error::CmsOpening).

mod ber;
mod envelope;
#[cfg(feature = "kms-recipient")]
mod recipient;

pub use envelope::{Envelope, parse};
#[cfg(feature = "kms-recipient")]
pub use recipient::RecipientKey;

/// Longest envelope read, in bytes. A data key's has about 600.
pub const MAX_ENVELOPE_BYTES: usize = 16 * 1024;
