use crate::ids::WalletId;
use serde::{Deserialize, Serialize};

/// A backup of the user's share, sealed by the user to the recovery key
/// (`sharekeep_recovery::UserBackup`). The enclave seals it again and cannot open it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedBackup {
    /// Whose share.
    pub wallet: WalletId,
    /// Of which generation of shares; another one than the wallet's is refused.
    pub epoch: u64,
    /// The generation of the recovery key that it is sealed to; another one than the current is
    /// refused.
    pub generation: u64,
    /// Its version: one more than the one it replaces, 1 for the first.
    pub version: u64,
    /// The bytes. All of the above is bound by the seal.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
}

/// Activates a pending wallet: its first backup and the status change are one transaction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivateWallet {
    /// [`super::VERSION`].
    pub version: u8,
    /// The first backup.
    pub backup: SealedBackup,
}

/// Replaces a wallet's backup. The HTTP request carries `If-Match` with the version it replaces.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutBackup {
    /// [`super::VERSION`].
    pub version: u8,
    /// The new backup.
    pub backup: SealedBackup,
}

/// A backup was stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BackupStored {
    /// The version that is stored now.
    pub version: u64,
}

/// A wallet's backup, without the enclave's seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BackupOpened {
    /// What the user sealed.
    pub backup: SealedBackup,
}

/// A backup was deleted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BackupDeleted {
    /// The version that was deleted.
    pub version: u64,
}
