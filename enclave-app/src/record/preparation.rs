use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_mpc::{Preparation, Protocol};
use sharekeep_schemas::PreparationId;
use zeroize::{Zeroize, Zeroizing};

/// The server's half of a preparation.
pub struct PreparationRecord {
    /// Its id.
    pub id: PreparationId,
    protocol: Protocol,
    half: Zeroizing<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    id: PreparationId,
    protocol: Protocol,
    #[serde(with = "serde_bytes")]
    preparation: Vec<u8>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.preparation.zeroize();
    }
}

impl PreparationRecord {
    /// The record of a new preparation.
    pub fn new(id: PreparationId, preparation: &Preparation) -> Self {
        Self { id, protocol: preparation.protocol(), half: preparation.to_sealed_bytes() }
    }

    /// The half itself, checked again; that costs CPU, so it is for a worker.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn preparation(&self) -> Result<Preparation, NotARecord> {
        Preparation::from_sealed_bytes(self.protocol, &self.half).map_err(|_| NotARecord)
    }

    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            id: self.id,
            protocol: self.protocol,
            preparation: self.half.to_vec(),
        })
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let mut wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        let half = Zeroizing::new(std::mem::take(&mut wire.preparation));
        Ok(Self { id: wire.id, protocol: wire.protocol, half })
    }
}
