use super::row::Row;
use crate::ids::{
    CeremonyId, DataKeyNumber, DeviceId, EventId, FactorId, SessionKeyId, TenantId, TokenId,
    UserId, WalletId,
};
use crate::words::PreparationScope;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Where a record is: its table, partition and sort key follow from it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RecordKey {
    /// A tenant's signed document. Not sealed: the operator's signature protects it.
    Tenant(TenantId),
    /// A data key, wrapped by KMS.
    DataKey {
        /// Whose; the deployment has its own.
        tenant: TenantId,
        /// Which.
        number: DataKeyNumber,
    },
    /// The deployment's statement key and user-id key.
    DeploymentKeys,
    /// A session.
    Session(SessionKeyId),
    /// The mark of a used token.
    Token(TokenId),
    /// A device.
    Device {
        /// Whose.
        user: UserId,
        /// Which.
        device: DeviceId,
    },
    /// The server's half of a preparation.
    Preparation {
        /// Whose.
        user: UserId,
        /// With which device.
        device: DeviceId,
        /// For what.
        scope: PreparationScope,
    },
    /// A wallet with the sealed server share.
    Wallet {
        /// Whose.
        user: UserId,
        /// Which.
        wallet: WalletId,
    },
    /// The backup of the user's share of a wallet.
    Backup {
        /// Whose.
        user: UserId,
        /// Of which wallet.
        wallet: WalletId,
    },
    /// The user's recovery key and signed lists of factors.
    Recovery(UserId),
    /// A factor: the sealed seed, and for a passcode its OPAQUE records and guess count.
    Factor {
        /// Whose.
        user: UserId,
        /// Which.
        factor: FactorId,
    },
    /// A passcode that is being set.
    PasscodeDraft {
        /// Whose.
        user: UserId,
        /// For which factor.
        factor: FactorId,
    },
    /// Something a user's devices should know.
    Event {
        /// Whose.
        user: UserId,
        /// Which.
        event: EventId,
    },
    /// A ceremony's binding.
    Ceremony(CeremonyId),
}

impl RecordKey {
    /// The name of the table, without a deployment's prefix.
    pub const fn table(&self) -> &'static str {
        match self {
            Self::Tenant(_) => "tenants",
            Self::DataKey { .. } => "data_keys",
            Self::DeploymentKeys => "metadata",
            Self::Session(_) | Self::Token(_) => "sessions",
            Self::Device { .. } | Self::Preparation { .. } => "devices",
            Self::Wallet { .. } => "wallets",
            Self::Backup { .. } => "backups",
            Self::Recovery(_) | Self::Factor { .. } | Self::PasscodeDraft { .. } => "factors",
            Self::Event { .. } => "events",
            Self::Ceremony(_) => "ceremonies",
        }
    }

    /// The partition key.
    pub fn partition(&self) -> String {
        match self {
            Self::Tenant(tenant) | Self::DataKey { tenant, .. } => tenant.to_string(),
            Self::DeploymentKeys => "deployment".to_owned(),
            Self::Session(id) => format!("session#{id}"),
            Self::Token(id) => format!("token#{id}"),
            Self::Device { user, .. }
            | Self::Preparation { user, .. }
            | Self::Wallet { user, .. }
            | Self::Backup { user, .. }
            | Self::Recovery(user)
            | Self::Factor { user, .. }
            | Self::PasscodeDraft { user, .. }
            | Self::Event { user, .. } => user.to_string(),
            Self::Ceremony(id) => id.to_string(),
        }
    }

    /// The sort key.
    pub fn sort(&self) -> String {
        match self {
            Self::Tenant(_) => "document".to_owned(),
            // Ten digits: the order of the text is the order of the numbers.
            Self::DataKey { number, .. } => format!("{:010}", number.0),
            Self::DeploymentKeys => "keys".to_owned(),
            Self::Session(_) => "session".to_owned(),
            Self::Token(_) => "token".to_owned(),
            Self::Device { device, .. } => format!("device#{device}"),
            Self::Preparation { device, scope, .. } => match scope {
                PreparationScope::Pair(protocol) => format!("preparation#{device}#{protocol}"),
                PreparationScope::Wallet(wallet) => format!("preparation#{device}#wallet#{wallet}"),
            },
            Self::Wallet { wallet, .. } | Self::Backup { wallet, .. } => wallet.to_string(),
            Self::Recovery(_) => "recovery".to_owned(),
            Self::Factor { factor, .. } => format!("factor#{factor}"),
            Self::PasscodeDraft { factor, .. } => format!("draft#{factor}"),
            // Hexadecimal: the order of the text is the order of the bytes.
            Self::Event { event, .. } => {
                event.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
            }
            Self::Ceremony(_) => "ceremony".to_owned(),
        }
    }
}

/// What to load. The lists of a user's wallets, backups, factors and devices are whole, or the
/// request is refused: at most [`crate::limits::MAX_RECORDS_PER_QUERY`] each.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RecordQuery {
    /// One record.
    One(RecordKey),
    /// All data keys of a tenant (few).
    DataKeysOf(TenantId),
    /// All sessions of a user (at most a dozen), by the routing column `user`.
    SessionsOf(UserId),
    /// All wallets of a user, by partition.
    WalletsOf(UserId),
    /// All backups of a user, by partition.
    BackupsOf(UserId),
    /// All factors of a user, by partition and the sort key's beginning. Those with an empty row
    /// (decoys) are left out.
    FactorsOf(UserId),
    /// All devices of a user, by partition and the sort key's beginning. Those whose row says that
    /// they were revoked are left out: there may be any number.
    DevicesOf(UserId),
}

/// The answer to one query. No records means there are none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadedRecord {
    /// The query.
    pub query: RecordQuery,
    /// What was found.
    pub found: Vec<StoredRecord>,
}

/// A record as the store holds it. Its routing columns stay with the function: nothing in them is
/// believed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredRecord {
    /// Where it is.
    pub key: RecordKey,
    /// The sealed (or, for tenants and data keys, signed or wrapped) bytes.
    pub bytes: ByteBuf,
}

/// One change of a record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Where.
    pub key: RecordKey,
    /// What must hold, or the whole transaction fails.
    pub condition: Condition,
    /// The new record; none deletes it, or leaves it with [`Condition::Unchanged`].
    pub put: Option<Put>,
}

/// What must hold before a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Condition {
    /// There is no such record.
    Absent,
    /// Its version is this one.
    Version(u64),
    /// Its version is this one, and the record stays as it is: such a write puts nothing, it only
    /// makes the transaction depend on a record that decided it.
    Unchanged(u64),
    /// Whatever is there (deleting what may be gone).
    Any,
}

/// A record's new content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// Its version from now on; also inside the seal.
    pub version: u64,
    /// The sealed bytes.
    pub bytes: ByteBuf,
    /// Routing copies.
    pub row: Row,
    /// When the store may drop it, in seconds since 1970.
    pub expires_at_unix_s: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_records_never_collide() {
        let user = UserId::new([1; 32]);
        let device = DeviceId::new([2; 16]);
        let wallet = WalletId::new([2; 16]);
        let keys = [
            RecordKey::Device { user, device },
            RecordKey::Preparation {
                user,
                device,
                scope: PreparationScope::Pair(crate::Protocol::Cggmp24),
            },
            RecordKey::Preparation { user, device, scope: PreparationScope::Wallet(wallet) },
            RecordKey::Wallet { user, wallet },
            RecordKey::Backup { user, wallet },
            RecordKey::Recovery(user),
            RecordKey::Factor { user, factor: FactorId::new([2; 16]) },
            RecordKey::PasscodeDraft { user, factor: FactorId::new([2; 16]) },
            RecordKey::Event { user, event: EventId::new([2; 16]) },
            RecordKey::Session(SessionKeyId::new([1; 32])),
            RecordKey::Token(TokenId::new([1; 32])),
        ];
        let places: std::collections::BTreeSet<_> =
            keys.iter().map(|k| (k.table(), k.partition(), k.sort())).collect();
        assert_eq!(places.len(), keys.len());
    }
}
