use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The mark of a used token: which sealed request used it. That request may be repeated exactly,
/// no other one may use the token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRecord {
    /// SHA-256 of the sealed request.
    pub request_digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    #[serde(with = "serde_bytes")]
    request_digest: [u8; 32],
}

impl TokenRecord {
    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire { version: VERSION, request_digest: self.request_digest })
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        Ok(Self { request_digest: wire.request_digest })
    }
}
