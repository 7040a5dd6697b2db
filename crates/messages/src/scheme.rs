//! The signature schemes of wallets, as far as messages depend on them.

use serde::{Deserialize, Serialize};

/// A wallet's signature scheme. Written as its [`as_str`](Self::as_str) name in serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyScheme {
    /// ECDSA over secp256k1 with low s (SEC 1, BIP-146).
    #[serde(rename = "ecdsa-secp256k1")]
    EcdsaSecp256k1,
    /// Pure EdDSA over edwards25519 (RFC 8032).
    #[serde(rename = "eddsa-ed25519")]
    EddsaEd25519,
    /// Schnorr over secp256k1 (BIP-340).
    #[serde(rename = "schnorr-bip340")]
    SchnorrBip340,
}

impl KeyScheme {
    /// All schemes.
    pub const ALL: [Self; 3] = [Self::EcdsaSecp256k1, Self::EddsaEd25519, Self::SchnorrBip340];

    /// The scheme's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaSecp256k1 => "ecdsa-secp256k1",
            Self::EddsaEd25519 => "eddsa-ed25519",
            Self::SchnorrBip340 => "schnorr-bip340",
        }
    }
}

impl std::fmt::Display for KeyScheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is not that of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature scheme")]
pub struct UnknownScheme;

impl std::str::FromStr for KeyScheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scheme| scheme.as_str() == name).ok_or(UnknownScheme)
    }
}
