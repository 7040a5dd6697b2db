use crate::words::WalletStatus;
use serde::{Deserialize, Serialize};

/// A wallet's status was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WalletChanged {
    /// Where it stands now.
    pub status: WalletStatus,
    /// The enclave's signed receipt (`sharekeep_channel::receipt`). Clients keep the last one.
    #[serde(with = "serde_bytes")]
    pub receipt: Vec<u8>,
}
