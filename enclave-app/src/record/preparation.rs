use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_mpc::{Preparation, Protocol};
use sharekeep_schemas::PreparationId;
use zeroize::{Zeroize, Zeroizing};

/// The server's half of a preparation, or what is left of one after a failed proof: a mark without
/// a half, which neither signs nor is replaced.
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

    /// The mark that locks what the preparation served. It must be kept: a record that is not there
    /// can be made anew.
    pub fn locked(id: PreparationId, protocol: Protocol) -> Self {
        Self { id, protocol, half: Zeroizing::default() }
    }

    /// Whether this is the mark of a lock.
    pub fn is_locked(&self) -> bool {
        self.half.is_empty()
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
