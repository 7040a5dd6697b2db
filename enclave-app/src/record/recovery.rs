use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_recovery::FactorSet;
use sharekeep_recovery::factor_set::SignedFactorSet;
use zeroize::Zeroizing;

/// The user's signed list of factors and with it the current recovery key. Only the newest is kept:
/// it carries the signatures by which older recovery keys lead to this one.
pub struct RecoveryRecord {
    /// Drawn by the enclave when recovery was set up, and the same ever since: what a device has
    /// shown, it has shown of this one.
    pub id: [u8; 16],
    /// As the user signed it.
    pub statement: Vec<u8>,
    /// What it says.
    pub set: FactorSet,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    #[serde(with = "serde_bytes")]
    id: [u8; 16],
    #[serde(with = "serde_bytes")]
    statement: Vec<u8>,
}

impl RecoveryRecord {
    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire { version: VERSION, id: self.id, statement: self.statement.clone() })
    }

    /// Reads an opened plaintext. The seal is the enclave's own: the signatures were checked before
    /// the list was stored.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        let signed = SignedFactorSet::from_bytes(&wire.statement).map_err(|_| NotARecord)?;
        let set = signed.stored().map_err(|_| NotARecord)?;
        Ok(Self { id: wire.id, statement: wire.statement, set })
    }
}
