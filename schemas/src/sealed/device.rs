use crate::ids::{DeviceId, PreparationId, WalletId};
use crate::words::WalletStatus;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Names a device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameDevice {
    /// [`super::VERSION`].
    pub version: u8,
    /// 1 to 64 printable characters. Listings show it; it is no secret.
    pub name: String,
}

/// A device was named or revoked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceChanged {
    /// The device.
    pub device: DeviceId,
    /// Whether it may open sessions.
    pub revoked: bool,
}

/// Takes wallets over to the session's device, which holds their shares again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// [`super::VERSION`].
    pub version: u8,
    /// The wallets, each with a proof. At most [`crate::limits::MAX_WALLETS_PER_RESTORE`].
    pub wallets: Vec<RestoredWallet>,
    /// Devices that the user declares lost: they and their sessions are revoked, and they hold
    /// none of these wallets any more, in the same transaction. Never the session's own.
    pub lost: Vec<DeviceId>,
    /// The recovery key's signature over this device and this encapsulation's exported value
    /// (`sharekeep_recovery`): whoever holds only an old share, without a factor, cannot come back.
    #[serde(with = "serde_bytes")]
    pub unlock: Vec<u8>,
}

/// A wallet whose share the device holds again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoredWallet {
    /// The wallet.
    pub wallet: WalletId,
    /// The share's epoch; another one than the wallet's is refused.
    pub epoch: u64,
    /// The proof that the device knows the share (`sharekeep_mpc::PossessionProof`), bound to
    /// wallet, epoch and this encapsulation's exported value. Never a signature over something
    /// that the server chose.
    #[serde(with = "serde_bytes")]
    pub proof: Vec<u8>,
    /// The preparation of which the backup had a half; the server's half is taken over with it.
    pub prepared: Option<PreparedHalf>,
}

/// Names the preparation of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedHalf {
    /// Which. The device may have made a newer one since.
    pub id: PreparationId,
    /// The device that made it.
    pub device: DeviceId,
}

/// Wallets were taken over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Restored {
    /// In the order of the request.
    pub wallets: Vec<RestoredStatus>,
}

/// Where a restored wallet stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RestoredStatus {
    /// The wallet.
    pub wallet: WalletId,
    /// Its status.
    pub status: WalletStatus,
    /// Whether the server's half of the preparation came along: it then signs at once.
    pub prepared: bool,
    /// The enclave's signed receipt.
    pub receipt: ByteBuf,
}
