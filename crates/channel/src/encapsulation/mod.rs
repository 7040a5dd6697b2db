//! Sealed requests and answers between a client and one enclave key.
//!
//! A request is HPKE base mode (RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305 or AES-256-GCM).
//! `info` names this format's version and the enclave key; the associated data binds header,
//! method, path and request id (session key and `Idempotency-Key`), so a sealed body can't be posted
//! elsewhere, nor under another session. The answer is sealed
//! with a key exported from the same context, in the manner of RFC 9458 section 4.4: only who
//! sealed the request can open it.
//!
//! ```text
//! request:  version 1 | suite 1 | enclave key id 32 | enc 32 | ciphertext
//! answer:   version 1 | response nonce 32 | ciphertext
//! ```
//!
//! Base mode does not say *who* sent a request: the sender proves its session key inside the
//! payload, over [`Sender::pop`]. Plaintexts are padded to the sizes of [`padded_len`].

pub(crate) mod context;
mod key;
pub(crate) mod padding;
mod receiver;
mod response;
mod sender;
#[cfg(test)]
mod vectors;

pub use key::{EnclaveKeyId, EnclaveKeyPair, EnclavePublicKey};
pub use padding::{MAX_PLAINTEXT_BYTES, padded_len};
pub use receiver::{Opened, peek_key_id};
pub use response::{ResponseOpener, ResponseSealer};
pub use sender::Sender;

use crate::signature::KeyId;
use crate::transcript::Transcript;

/// Longest sealed request or answer, in bytes: the largest round (auxiliary data of cggmp24, about
/// 420 kB a side) four times over, and well under a Lambda's 6 MB.
pub const MAX_SEALED_BYTES: usize = 2 * 1024 * 1024;

const VERSION: u8 = 1;
const INFO_LABEL: &[u8] = b"sharekeep/encapsulation/v1";
const REQUEST_LABEL: &str = "sharekeep/request/v1";
const POP_EXPORT_LABEL: &[u8] = b"sharekeep pop v1";
const RESPONSE_EXPORT_LABEL: &[u8] = b"sharekeep response v1";

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const TAG_BYTES: usize = 16;
/// version, suite, enclave key id, encapsulated key
const HEADER_BYTES: usize = 2 + KEY_BYTES + KEY_BYTES;

/// The AEAD of a sealed exchange; the rest of the HPKE suite is fixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suite {
    /// Fast and constant-time everywhere, also in browsers.
    #[default]
    ChaCha20Poly1305,
    /// For deployments that must use AES.
    Aes256Gcm,
}

impl Suite {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::ChaCha20Poly1305 => 1,
            Self::Aes256Gcm => 2,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::ChaCha20Poly1305),
            2 => Some(Self::Aes256Gcm),
            _ => None,
        }
    }
}

/// What a sealed request is bound to, beside the enclave key.
#[derive(Clone, Copy, Debug)]
pub struct RequestBinding<'a> {
    /// HTTP method in upper case.
    pub method: &'a str,
    /// Absolute path as sent, without query. Sealed requests carry their parameters inside.
    pub path: &'a str,
    /// The session key that signs the HTTP request. Without it, whoever carries requests could take
    /// one user's sealed body and have it opened as another's.
    pub session: KeyId,
    /// The request's `Idempotency-Key`: an exact retry is the same sealed bytes under it.
    pub idempotency_key: &'a str,
}

impl RequestBinding<'_> {
    /// `<session key id>:<Idempotency-Key>`; a key id has one length, so this reads one way only.
    fn request_id(&self) -> String {
        format!("{}:{}", self.session, self.idempotency_key)
    }

    fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        Transcript::new(REQUEST_LABEL)
            .field(header)
            .field(self.method.as_bytes())
            .field(self.path.as_bytes())
            .field(self.request_id().as_bytes())
            .finish()
    }
}

/// A value that only the two ends of one sealed request know (RFC 9180 section 5.3).
///
/// A session key signs it inside the payload: the proof is worth nothing in any other request.
#[derive(Clone)]
pub struct PopValue([u8; 32]);

impl PopValue {
    /// The bytes to sign or check; prefer
    /// [`SessionSigningKey::prove_possession`](crate::signature::SessionSigningKey::prove_possession).
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn info(id: &EnclaveKeyId) -> Vec<u8> {
    [INFO_LABEL, id.as_bytes()].concat()
}

fn header(suite: Suite, id: &EnclaveKeyId, enc: &[u8; KEY_BYTES]) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[0] = VERSION;
    out[1] = suite.code();
    out[2..2 + KEY_BYTES].copy_from_slice(id.as_bytes());
    out[2 + KEY_BYTES..].copy_from_slice(enc);
    out
}
