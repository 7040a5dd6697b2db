use super::NotARecord;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sharekeep_channel::record_seal::{DataKeyId, RecordKind};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::{DataKeyNumber, TenantId, UserId, codec};

/// The id of a tenant's data key, as sealed records name it: a hash of whose and which it is, so
/// that a key cannot be passed off as another.
pub fn data_key_id(tenant: &TenantId, number: DataKeyNumber) -> DataKeyId {
    let hash = Sha256::new()
        .chain_update(b"sharekeep/data-key-id/v1\0")
        .chain_update([tenant.as_str().len() as u8])
        .chain_update(tenant.as_str())
        .chain_update(number.0.to_be_bytes())
        .finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    DataKeyId::from_bytes(id)
}

/// The kind that a record is sealed as; none for those that are not sealed by us.
pub fn kind_of(key: &RecordKey) -> Option<RecordKind> {
    match key {
        RecordKey::Tenant(_) | RecordKey::DataKey { .. } | RecordKey::Event { .. } => None,
        RecordKey::DeploymentKeys => Some(RecordKind::StatementKey),
        RecordKey::Session(_) => Some(RecordKind::Session),
        RecordKey::Token(_) => Some(RecordKind::Marks),
        RecordKey::Device { .. } => Some(RecordKind::Device),
        RecordKey::Preparation { .. } => Some(RecordKind::Preparation),
        RecordKey::Wallet { .. } => Some(RecordKind::Wallet),
        RecordKey::Backup { .. } => Some(RecordKind::Backup),
        RecordKey::Recovery(_) => Some(RecordKind::User),
        RecordKey::Factor { .. } => Some(RecordKind::Factor),
        RecordKey::PasscodeDraft { .. } => Some(RecordKind::PasscodeDraft),
        RecordKey::Ceremony(_) => Some(RecordKind::Ceremony),
    }
}

/// The record id that a seal is bound to: the whole place in the store.
pub fn record_id(key: &RecordKey) -> String {
    format!("{}/{}/{}", key.table(), key.partition(), key.sort())
}

/// What stands before a sealed session, whose tenant and user nobody else names: they say with
/// which key to try. The seal is bound to them, so a lie only makes it fail to open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionHints {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// The sealed record.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
}

/// Largest stored session in bytes.
const MAX_SESSION_BYTES: usize = 16_384;

impl SessionHints {
    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads the stored bytes; believes nothing yet.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        codec::decode(bytes, MAX_SESSION_BYTES).map_err(|_| NotARecord)
    }
}
