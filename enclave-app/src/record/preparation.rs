use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_mpc::Preparation;
use sharekeep_schemas::PreparationId;
use zeroize::{Zeroize, Zeroizing};

/// The server's half of a preparation.
pub struct PreparationRecord {
    /// Its id.
    pub id: PreparationId,
    /// The half.
    pub preparation: Preparation,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    id: PreparationId,
    protocol: sharekeep_mpc::Protocol,
    #[serde(with = "serde_bytes")]
    preparation: Vec<u8>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.preparation.zeroize();
    }
}

impl PreparationRecord {
    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            id: self.id,
            protocol: self.preparation.protocol(),
            preparation: self.preparation.to_sealed_bytes().to_vec(),
        })
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        let preparation = Preparation::from_sealed_bytes(wire.protocol, &wire.preparation)
            .map_err(|_| NotARecord)?;
        Ok(Self { id: wire.id, preparation })
    }
}
