//! What an enclave signs for clients to keep: where a wallet stands.
//!
//! Records can be set back by who holds the store; a client that keeps its last [`Receipt`] and
//! checks each new one with [`Receipt::check_follows`] notices. Receipts, audit entries and key
//! rotations are signed by the deployment's statement key, each under a label of its own, so that
//! one can't be shown as another.

mod key;
mod order;
mod wire;

pub use key::{Purpose, StatementKey, StatementPublicKey, StatementSignature};
pub use wire::SignedReceipt;

use crate::newtype::public_bytes;
use serde::{Deserialize, Serialize};

public_bytes! {
    /// Hash of the newest entry in a wallet's audit chain. Text form is hex.
    AuditHead, 32, hex
}

/// Where a wallet is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WalletStatus {
    /// Made, but no backup is stored yet: it can't sign.
    Pending,
    /// Signs and is backed up.
    Active,
    /// Signs no more until its preparation is renewed: somebody cheated.
    Locked,
    /// Put away by its user.
    Archived,
}

impl WalletStatus {
    const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Locked, Self::Archived];

    const fn code(self) -> u64 {
        match self {
            Self::Pending => 0,
            Self::Active => 1,
            Self::Locked => 2,
            Self::Archived => 3,
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// The state of one wallet at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The deployment, at most 64 bytes.
    pub deployment: String,
    /// The tenant, at most 64 bytes.
    pub tenant: String,
    /// The wallet, at most 64 bytes.
    pub wallet_id: String,
    /// Generation of the wallet's shares.
    pub epoch: u64,
    /// Where it is in its life.
    pub status: WalletStatus,
    /// The newest audit entry.
    pub audit_head: AuditHead,
    /// Counts every change of the wallet's record.
    pub record_version: u64,
    /// When it was signed, by the enclave's clock.
    pub issued_at_unix_s: u64,
}
