//! What a ceremony signs. Made by decoding only.

use bitcoin::secp256k1::{Message, Secp256k1};
use ed25519_dalek::Signature as Ed25519Signature;

use crate::{
    MessageError, Scheme, SignatureParts,
    public_key::{PublicKey, bip86_output_key},
};

/// A hash that an ECDSA key may sign. Has no public constructor: a hash whose message was not
/// decoded can't be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcdsaPrehash([u8; 32]);

/// The 32 bytes that a BIP-340 key may sign. Has no public constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bip340Message([u8; 32]);

/// The bytes that an Ed25519 key may sign. Has no public constructor.
#[derive(Clone, PartialEq, Eq)]
pub struct EddsaMessage(Vec<u8>);

/// Shows the length only: what users sign is not for logs.
impl std::fmt::Debug for EddsaMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EddsaMessage({} bytes)", self.0.len())
    }
}

impl EcdsaPrehash {
    pub(crate) fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Bip340Message {
    pub(crate) fn new(message: [u8; 32]) -> Self {
        Self(message)
    }

    /// The message.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl EddsaMessage {
    pub(crate) fn new(message: Vec<u8>) -> Self {
        Self(message)
    }

    /// The whole message; Ed25519 hashes it itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How the key is tweaked before it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaprootTweak {
    /// Not at all.
    None,
    /// BIP-341 key-path tweak with an empty merkle root, as in BIP-86.
    Bip86KeyPath,
}

/// What a ceremony signs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToSign {
    /// With an ECDSA key.
    EcdsaPrehash(EcdsaPrehash),
    /// With a BIP-340 key, tweaked or not.
    Bip340 {
        /// The message.
        message: Bip340Message,
        /// The tweak of the key.
        tweak: TaprootTweak,
    },
    /// With an Ed25519 key.
    Eddsa(EddsaMessage),
}

impl ToSign {
    /// The bytes that the ceremony's protocol takes: the hash, the 32-byte message, the message.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::EcdsaPrehash(hash) => hash.as_bytes(),
            Self::Bip340 { message, .. } => message.as_bytes(),
            Self::Eddsa(message) => message.as_bytes(),
        }
    }

    /// The tweak of the key; [`TaprootTweak::None`] for schemes that have none.
    pub fn tweak(&self) -> TaprootTweak {
        match self {
            Self::Bip340 { tweak, .. } => *tweak,
            Self::EcdsaPrehash(_) | Self::Eddsa(_) => TaprootTweak::None,
        }
    }

    /// The scheme of the key that signs this.
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::EcdsaPrehash(_) => Scheme::EcdsaSecp256k1,
            Self::Bip340 { .. } => Scheme::SchnorrBip340,
            Self::Eddsa(_) => Scheme::EddsaEd25519,
        }
    }

    /// Checks a signature of this by a wallet's (untweaked) public key.
    ///
    /// ECDSA: the recovered key must be the wallet's and s low. BIP-340: BIP-340 verification under
    /// the tweaked key. Ed25519: strict verification (no small-order points).
    ///
    /// # Errors
    /// [`MessageError::SignatureScheme`], [`MessageError::SignatureInvalid`],
    /// [`MessageError::PublicKey`].
    pub fn verify(
        &self,
        public_key: &[u8],
        signature: &SignatureParts,
    ) -> Result<(), MessageError> {
        let verified = match (self, PublicKey::parse(self.scheme(), public_key)?) {
            (Self::EcdsaPrehash(hash), PublicKey::Ecdsa(key)) => {
                signature.ecdsa()?.recover(hash.as_bytes())? == key
            }
            (Self::Bip340 { message, tweak }, PublicKey::Bip340(internal)) => {
                let key = match tweak {
                    TaprootTweak::None => internal,
                    TaprootTweak::Bip86KeyPath => bip86_output_key(internal).to_x_only_public_key(),
                };
                Secp256k1::verification_only()
                    .verify_schnorr(
                        &signature.bip340()?,
                        &Message::from_digest(*message.as_bytes()),
                        &key,
                    )
                    .is_ok()
            }
            (Self::Eddsa(message), PublicKey::Eddsa(key)) => key
                .verify_strict(
                    message.as_bytes(),
                    &Ed25519Signature::from_bytes(signature.eddsa()?),
                )
                .is_ok(),
            _ => return Err(MessageError::SignatureScheme),
        };
        if verified { Ok(()) } else { Err(MessageError::SignatureInvalid) }
    }
}
