//! Words that appear in more than one kind of message.

use crate::ids::WalletId;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The text is none of the words expected in this place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown {0}")]
pub struct UnknownWord(pub &'static str);

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        crate::openapi::word_list!($name);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.into_iter().find(|w| w.as_str() == text)
                    .ok_or(UnknownWord(stringify!($name)))
            }
        }
    };
}

words!(
    /// What a wallet's signatures are.
    Scheme {
        /// ECDSA over secp256k1: Ethereum and its kin.
        EcdsaSecp256k1 = "ecdsa-secp256k1",
        /// EdDSA over Ed25519 (RFC 8032): Solana and others.
        EddsaEd25519 = "eddsa-ed25519",
        /// Schnorr over secp256k1 (BIP-340): Bitcoin taproot.
        SchnorrBip340 = "schnorr-bip340",
    }
);
words!(
    /// How the parties of a wallet sign together.
    Protocol {
        /// CGGMP24 threshold ECDSA; the default for ECDSA.
        Cggmp24 = "cggmp24",
        /// DKLs23 threshold ECDSA: fast, not audited.
        Dkls23 = "dkls23",
        /// FROST, for EdDSA and BIP-340.
        Frost = "frost",
    }
);
words!(
    /// Where a wallet stands.
    WalletStatus {
        /// No backup of the user's share is stored yet; cannot sign.
        Pending = "pending",
        /// Signs, and a backup is stored.
        Active = "active",
        /// Stopped after a failed proof; cannot sign.
        Locked = "locked",
        /// Put away by the user; cannot sign.
        Archived = "archived",
    }
);
words!(
    /// What happened that a user's other devices should know.
    EventKind {
        /// A guess at a passcode was wrong, or was never finished.
        PasscodeGuessed = "passcode-guessed",
        /// A passcode was right: somebody unlocked the recovery seed with it.
        RecoveryUnlocked = "recovery-unlocked",
        /// A passcode was destroyed: too many guesses.
        PasscodeDestroyed = "passcode-destroyed",
        /// The factors were changed.
        FactorsChanged = "factors-changed",
        /// A device was registered.
        DeviceRegistered = "device-registered",
        /// A device was revoked.
        DeviceRevoked = "device-revoked",
        /// Wallets were restored on a device.
        WalletsRestored = "wallets-restored",
    }
);
words!(
    /// What a ceremony is for.
    CeremonyKind {
        /// Makes a wallet's shares.
        Keygen = "keygen",
        /// Makes what a protocol needs beside the shares.
        Prepare = "prepare",
        /// Makes a signature.
        Sign = "sign",
    }
);
words!(
    /// Where a ceremony stands.
    CeremonyState {
        /// Waiting for the client's next step.
        Running = "running",
        /// Finished; its result was committed.
        Complete = "complete",
        /// Ended by the client or by a fault.
        Aborted = "aborted",
    }
);
words!(
    /// The algorithm of a session key, as RFC 9421 names it.
    SessionKeyAlgorithm {
        /// ECDSA on P-256 with SHA-256; keys as SEC1 compressed points.
        EcdsaP256Sha256 = "ecdsa-p256-sha256",
        /// Ed25519.
        Ed25519 = "ed25519",
    }
);
words!(
    /// One way to unlock a user's recovery seed.
    FactorKind {
        /// A passcode, checked with the enclave and limited in guesses.
        Passcode = "passcode",
        /// A random code on paper.
        RecoveryCode = "recovery-code",
        /// A random key in a file that a passphrase encrypts.
        ExportFile = "export-file",
        /// A random key in the user's cloud storage, together with a passcode.
        CloudFile = "cloud-file",
    }
);
words!(
    /// What a session may do.
    Scope {
        /// List and show.
        Read = "read",
        /// Sign with wallets, and what that needs (preparations).
        Sign = "sign",
        /// Create and archive wallets, revoke sessions.
        Manage = "manage",
    }
);
words!(
    /// How a token is bound to the session key that it opens a session for.
    TokenBinding {
        /// The OIDC `nonce` claim is the session key id. The default.
        Nonce = "nonce",
        /// `cnf.jkt` (RFC 7800, RFC 7638) is the session key's JWK thumbprint.
        ConfirmationKey = "cnf-jkt",
        /// Not bound: whoever holds the token can open a session. A weakness, shown as one.
        None = "none",
    }
);

impl Scheme {
    /// The protocol used when nobody chooses.
    pub const fn default_protocol(self) -> Protocol {
        match self {
            Self::EcdsaSecp256k1 => Protocol::Cggmp24,
            Self::EddsaEd25519 | Self::SchnorrBip340 => Protocol::Frost,
        }
    }
}

impl Protocol {
    /// What must be prepared before wallets can sign with it: CGGMP24 prepares a pair, DKLs23 the
    /// wallet (none if none is named), FROST nothing.
    pub fn preparation_scope(self, wallet: Option<WalletId>) -> Option<PreparationScope> {
        match self {
            Self::Cggmp24 => Some(PreparationScope::Pair(self)),
            Self::Dkls23 => wallet.map(PreparationScope::Wallet),
            Self::Frost => None,
        }
    }

    /// Whether wallets of this scheme can use this protocol.
    pub const fn supports(self, scheme: Scheme) -> bool {
        match self {
            Self::Cggmp24 | Self::Dkls23 => matches!(scheme, Scheme::EcdsaSecp256k1),
            Self::Frost => matches!(scheme, Scheme::EddsaEd25519 | Scheme::SchnorrBip340),
        }
    }
}

/// What a preparation serves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PreparationScope {
    /// All wallets of a (server, device) pair that use the protocol.
    Pair(Protocol),
    /// One wallet on one device.
    Wallet(WalletId),
}

/// The public half of a session key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPublicKey {
    /// Which algorithm.
    pub algorithm: SessionKeyAlgorithm,
    /// 33 bytes (SEC1 compressed) for P-256, 32 for Ed25519.
    #[serde(with = "crate::http::base64url_or_bytes")]
    pub key: Vec<u8>,
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for SessionPublicKey {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .property("algorithm", <SessionKeyAlgorithm as utoipa::PartialSchema>::schema())
            .required("algorithm")
            .property("key", <String as utoipa::PartialSchema>::schema())
            .required("key")
            .description(Some("The public half of a session key; key is base64url"))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for SessionPublicKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_schemes_and_protocols_are_read_back() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.as_str().parse(), Ok(scheme));
            assert_eq!(serde_json::to_string(&scheme).unwrap(), format!("\"{scheme}\""));
            assert!(scheme.default_protocol().supports(scheme));
        }
        for protocol in Protocol::ALL {
            assert_eq!(protocol.as_str().parse(), Ok(protocol));
            assert_eq!(serde_json::to_string(&protocol).unwrap(), format!("\"{protocol}\""));
        }
        assert_eq!("ecdsa".parse::<Scheme>(), Err(UnknownWord("Scheme")));
    }

    #[test]
    fn what_a_protocol_prepares_is_a_pair_a_wallet_or_nothing() {
        let wallet = WalletId::new([7; 16]);
        let scope = |protocol: Protocol| protocol.preparation_scope(Some(wallet));
        assert_eq!(scope(Protocol::Cggmp24), Some(PreparationScope::Pair(Protocol::Cggmp24)));
        assert_eq!(scope(Protocol::Dkls23), Some(PreparationScope::Wallet(wallet)));
        assert_eq!(Protocol::Dkls23.preparation_scope(None), None);
        assert_eq!(scope(Protocol::Frost), None);
    }
}
