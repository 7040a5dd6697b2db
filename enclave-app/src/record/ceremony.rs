use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_schemas::enclave::{CeremonyRow, Row};
use sharekeep_schemas::{CeremonyId, CeremonyKind, CeremonyState, EnclaveKeyId, UserId, WalletId};
use zeroize::Zeroizing;

/// What is on record about a ceremony: never its state, which lives in one enclave's memory only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CeremonyRecord {
    /// The whole execution id; the ceremony's id is its first half.
    pub execution: [u8; 32],
    /// What it is for.
    pub kind: CeremonyKind,
    /// Where it stands.
    pub state: CeremonyState,
    /// The wallet it is about, if any.
    pub wallet: Option<WalletId>,
    /// The enclave that runs it.
    pub enclave_key: EnclaveKeyId,
    /// When it is given up, in seconds since 1970.
    pub expires_at_unix_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    #[serde(with = "serde_bytes")]
    execution: [u8; 32],
    kind: CeremonyKind,
    state: CeremonyState,
    wallet: Option<WalletId>,
    enclave_key: EnclaveKeyId,
    expires_at_unix_s: u64,
}

impl CeremonyRecord {
    /// The ceremony's id.
    pub fn id(&self) -> CeremonyId {
        let mut id = [0; CeremonyId::LEN];
        id.copy_from_slice(&self.execution[..CeremonyId::LEN]);
        CeremonyId::new(id)
    }

    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            execution: self.execution,
            kind: self.kind,
            state: self.state,
            wallet: self.wallet,
            enclave_key: self.enclave_key,
            expires_at_unix_s: self.expires_at_unix_s,
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
            execution: wire.execution,
            kind: wire.kind,
            state: wire.state,
            wallet: wire.wallet,
            enclave_key: wire.enclave_key,
            expires_at_unix_s: wire.expires_at_unix_s,
        })
    }

    /// The routing copy.
    pub fn row(&self, user: UserId) -> Row {
        Row::Ceremony(CeremonyRow {
            ceremony: self.id(),
            user,
            enclave_key: self.enclave_key,
            kind: self.kind,
            state: self.state,
            wallet: self.wallet,
            expires_at_unix_s: self.expires_at_unix_s,
        })
    }
}
