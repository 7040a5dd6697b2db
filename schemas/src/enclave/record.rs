use super::row::Row;
use crate::ids::{
    CeremonyId, DataKeyNumber, DeviceId, SessionKeyId, TenantId, TokenId, UserId, WalletId,
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
            | Self::Wallet { user, .. } => user.to_string(),
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
            Self::Wallet { wallet, .. } => wallet.to_string(),
            Self::Ceremony(_) => "ceremony".to_owned(),
        }
    }
}

/// What to load.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RecordQuery {
    /// One record.
    One(RecordKey),
    /// All data keys of a tenant (few).
    DataKeysOf(TenantId),
    /// All sessions of a user (at most a dozen), by the routing column `user`.
    SessionsOf(UserId),
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
    /// The new record; none deletes it.
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
            RecordKey::Session(SessionKeyId::new([1; 32])),
            RecordKey::Token(TokenId::new([1; 32])),
        ];
        let places: std::collections::BTreeSet<_> =
            keys.iter().map(|k| (k.table(), k.partition(), k.sort())).collect();
        assert_eq!(places.len(), keys.len());
    }
}
