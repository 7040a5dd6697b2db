use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A device of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceRecord {
    /// Its Ed25519 identity key: the first one seen stays.
    pub identity_key: [u8; 32],
    /// When it was first seen, in seconds since 1970.
    pub registered_at_unix_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    #[serde(with = "serde_bytes")]
    identity_key: [u8; 32],
    registered_at_unix_s: u64,
}

impl DeviceRecord {
    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            identity_key: self.identity_key,
            registered_at_unix_s: self.registered_at_unix_s,
        })
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        Ok(Self {
            identity_key: wire.identity_key,
            registered_at_unix_s: wire.registered_at_unix_s,
        })
    }
}
