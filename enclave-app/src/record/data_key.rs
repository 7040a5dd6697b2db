use super::{NotARecord, VERSION, check_version};
use crate::kms::MAX_WRAPPED_BYTES;
use serde::{Deserialize, Serialize};
use sharekeep_schemas::codec;

/// A data key as KMS wrapped it. Not sealed by us: KMS protects it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataKeyRecord {
    /// What KMS wants back.
    pub wrapped: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    #[serde(with = "serde_bytes")]
    wrapped: Vec<u8>,
}

impl DataKeyRecord {
    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&Wire { version: VERSION, wrapped: self.wrapped.clone() })
    }

    /// Reads the stored bytes.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = codec::decode(bytes, MAX_WRAPPED_BYTES + 64).map_err(|_| NotARecord)?;
        check_version(wire.version)?;
        Ok(Self { wrapped: wire.wrapped })
    }
}
