//! Bitcoin: one input of a transaction or PSBT, spent by taproot key path or P2WPKH.

mod describe;
mod finish;
mod psbt;
mod spend;

use bitcoin::{KnownHrp, Network, Transaction, consensus::deserialize};
use serde::{Deserialize, Serialize};

pub(crate) use self::spend::Spend;
use crate::Bytes;

/// Most inputs of a transaction.
pub(crate) const MAX_INPUTS: usize = 512;
/// Most outputs of a transaction.
pub(crate) const MAX_OUTPUTS: usize = 512;

/// How a PSBT begins (BIP-174).
const PSBT_MAGIC: &[u8] = b"psbt\xff";

/// How Bitcoin addresses are written. Serde names are lower-case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BitcoinNetwork {
    /// The main network.
    Bitcoin,
    /// Test networks 3 and 4.
    Testnet,
    /// Signet.
    Signet,
    /// A network of one's own.
    Regtest,
}

impl BitcoinNetwork {
    /// The network's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bitcoin => "bitcoin",
            Self::Testnet => "testnet",
            Self::Signet => "signet",
            Self::Regtest => "regtest",
        }
    }
}

impl std::fmt::Display for BitcoinNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<BitcoinNetwork> for Network {
    fn from(network: BitcoinNetwork) -> Self {
        match network {
            BitcoinNetwork::Bitcoin => Self::Bitcoin,
            BitcoinNetwork::Testnet => Self::Testnet,
            BitcoinNetwork::Signet => Self::Signet,
            BitcoinNetwork::Regtest => Self::Regtest,
        }
    }
}

impl From<BitcoinNetwork> for KnownHrp {
    fn from(network: BitcoinNetwork) -> Self {
        Network::from(network).into()
    }
}

/// An output that an input spends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpentOutput {
    /// The amount in satoshi.
    pub amount_sat: u64,
    /// The locking script.
    pub script_pubkey: Bytes,
}

/// Whether these bytes begin like a PSBT of any version.
pub(crate) fn looks_like_psbt(bytes: &[u8]) -> bool {
    bytes.starts_with(PSBT_MAGIC)
}

/// Whether these bytes are a transaction, signed or not.
pub(crate) fn looks_like_transaction(bytes: &[u8]) -> bool {
    deserialize::<Transaction>(bytes).is_ok()
}
