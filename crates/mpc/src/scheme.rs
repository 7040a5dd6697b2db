//! What kind of signature a wallet makes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Fault;

/// A signature scheme. A wallet has exactly one; a secp256k1 key made for ECDSA never signs
/// Schnorr, nor the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scheme {
    /// ECDSA over secp256k1 (SEC 1; low-s signatures with a recovery id).
    #[serde(rename = "ecdsa-secp256k1")]
    EcdsaSecp256k1,
    /// EdDSA over Ed25519 (RFC 8032).
    #[serde(rename = "eddsa-ed25519")]
    EddsaEd25519,
    /// Schnorr over secp256k1 (BIP-340), with or without a BIP-341 tweak.
    #[serde(rename = "schnorr-bip340")]
    SchnorrBip340,
}

impl Scheme {
    /// Every scheme, in a fixed order.
    pub const ALL: [Self; 3] = [Self::EcdsaSecp256k1, Self::EddsaEd25519, Self::SchnorrBip340];

    /// The scheme's stable name, as on the wire and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaSecp256k1 => "ecdsa-secp256k1",
            Self::EddsaEd25519 => "eddsa-ed25519",
            Self::SchnorrBip340 => "schnorr-bip340",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scheme {
    type Err = Fault;

    fn from_str(name: &str) -> Result<Self, Fault> {
        Self::ALL.into_iter().find(|scheme| scheme.as_str() == name).ok_or(Fault::UnknownName)
    }
}
