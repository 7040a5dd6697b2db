use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sharekeep_schemas::DeviceId;
use sharekeep_schemas::enclave::{DeviceRow, Row};
use zeroize::Zeroizing;

/// A device of a user. Once revoked it is never deleted: it must not come back as a new one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceRecord {
    /// Its Ed25519 identity key: the first one seen stays.
    pub identity_key: [u8; 32],
    /// When it was first seen, in seconds since 1970.
    pub registered_at_unix_s: u64,
    /// What its user calls it.
    pub name: Option<String>,
    /// The id of the recovery record of which it showed that its user can unlock a factor. A token
    /// lets anybody register a device; this is more.
    pub proved: Option<[u8; 16]>,
    /// When it was revoked, in seconds since 1970.
    pub revoked_at_unix_s: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    #[serde(with = "serde_bytes")]
    identity_key: [u8; 32],
    registered_at_unix_s: u64,
    name: Option<String>,
    #[serde(with = "serde_bytes")]
    proved: Option<[u8; 16]>,
    revoked_at_unix_s: Option<u64>,
}

impl DeviceRecord {
    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            identity_key: self.identity_key,
            registered_at_unix_s: self.registered_at_unix_s,
            name: self.name.clone(),
            proved: self.proved,
            revoked_at_unix_s: self.revoked_at_unix_s,
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
            name: wire.name,
            proved: wire.proved,
            revoked_at_unix_s: wire.revoked_at_unix_s,
        })
    }

    /// The routing copy.
    pub fn row(&self, device: DeviceId) -> Row {
        Row::Device(DeviceRow {
            device,
            name: self.name.clone(),
            identity_key: ByteBuf::from(self.identity_key.to_vec()),
            registered_at_unix_s: self.registered_at_unix_s,
            revoked_at_unix_s: self.revoked_at_unix_s,
        })
    }
}
