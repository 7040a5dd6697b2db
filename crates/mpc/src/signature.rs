//! What is signed, and the signature.

use k256::{
    ecdsa::{RecoveryId, VerifyingKey, signature::hazmat::PrehashVerifier},
    schnorr,
};
use sha2::{Digest, Sha256};

use crate::{Fault, PublicKey, Scheme, taproot};

/// The largest message an EdDSA or BIP-340 ceremony takes.
const LARGEST_MESSAGE_BYTES: usize = 256 * 1024;

/// A 32-byte digest whose message the caller has seen and hashed itself.
///
/// A digest from elsewhere must never become one: who can have chosen digests signed can have
/// anything signed, without anybody having read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prehash([u8; 32]);

impl Prehash {
    /// Takes the digest of a message that the caller decoded, checked and hashed.
    pub const fn of_examined_message(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Which key a BIP-340 signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchnorrKey {
    /// The wallet's own key, as plain BIP-340 has it.
    Internal,
    /// The taproot output key (BIP-341 key path). Without a script tree (BIP-86) the root is
    /// `None`.
    Output {
        /// Root of the script tree.
        merkle_root: Option<[u8; 32]>,
    },
}

/// What a signing ceremony signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningInput {
    /// A digest, for ECDSA.
    Ecdsa(Prehash),
    /// A message, for EdDSA.
    Eddsa(Vec<u8>),
    /// A message (a sighash, for Bitcoin) and the key it is for.
    Bip340 {
        /// The message; BIP-340 hashes it itself.
        message: Vec<u8>,
        /// The key.
        key: SchnorrKey,
    },
}

impl SigningInput {
    /// The scheme this is for.
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Ecdsa(_) => Scheme::EcdsaSecp256k1,
            Self::Eddsa(_) => Scheme::EddsaEd25519,
            Self::Bip340 { .. } => Scheme::SchnorrBip340,
        }
    }

    /// An unambiguous digest of input and key, for
    /// [`ExecutionBinding::message`](crate::ExecutionBinding).
    pub fn binding(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"sharekeep/signing-input/v1");
        match self {
            Self::Ecdsa(digest) => hash.update([&[0][..], &digest.0].concat()),
            Self::Eddsa(message) => hash.update([&[1], &message[..]].concat()),
            Self::Bip340 { message, key } => {
                let key = match key {
                    SchnorrKey::Internal => vec![2],
                    SchnorrKey::Output { merkle_root: None } => vec![3],
                    SchnorrKey::Output { merkle_root: Some(root) } => [&[4], &root[..]].concat(),
                };
                hash.update([&key[..], message].concat());
            }
        }
        hash.finalize().into()
    }

    pub(crate) fn fits(&self) -> bool {
        match self {
            Self::Ecdsa(_) => true,
            Self::Eddsa(message) | Self::Bip340 { message, .. } => {
                message.len() <= LARGEST_MESSAGE_BYTES
            }
        }
    }
}

/// A finished signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// ECDSA with `s` in the lower half of the order (BIP-62, EIP-2).
    Ecdsa {
        /// `r`, big-endian.
        r: [u8; 32],
        /// `s`, big-endian.
        s: [u8; 32],
        /// 0–3: bit 0 is the parity of R's y, bit 1 whether R's x was reduced.
        recovery_id: u8,
    },
    /// RFC 8032: R ‖ S.
    Eddsa([u8; 64]),
    /// BIP-340: R.x ‖ s.
    Bip340([u8; 64]),
}

impl Signature {
    /// r ‖ s, R ‖ S or R.x ‖ s.
    pub fn to_bytes(&self) -> [u8; 64] {
        match self {
            Self::Ecdsa { r, s, .. } => {
                let mut bytes = [0; 64];
                bytes[..32].copy_from_slice(r);
                bytes[32..].copy_from_slice(s);
                bytes
            }
            Self::Eddsa(bytes) | Self::Bip340(bytes) => *bytes,
        }
    }

    /// Checks the signature with libraries that took no part in making it: k256 for ECDSA (low s,
    /// recovery id included) and BIP-340, ed25519-dalek's strict rules for EdDSA.
    ///
    /// # Errors
    /// [`Fault::BadSignature`]; [`Fault::SchemeMismatch`] if the three do not belong together.
    pub fn verify(&self, key: &PublicKey, what: &SigningInput) -> Result<(), Fault> {
        let bad = |_| Fault::BadSignature;
        match (self, key, what) {
            (
                Self::Ecdsa { recovery_id, .. },
                PublicKey::Secp256k1(key),
                SigningInput::Ecdsa(digest),
            ) => {
                let key = VerifyingKey::from_sec1_bytes(key).map_err(bad)?;
                let signature =
                    k256::ecdsa::Signature::from_slice(&self.to_bytes()).map_err(bad)?;
                key.verify_prehash(&digest.0, &signature).map_err(bad)?;
                let id = RecoveryId::from_byte(*recovery_id).ok_or(Fault::BadSignature)?;
                let recovered = VerifyingKey::recover_from_prehash(&digest.0, &signature, id);
                let low = signature.normalize_s().is_none();
                if low && recovered.is_ok_and(|recovered| recovered == key) {
                    Ok(())
                } else {
                    Err(Fault::BadSignature)
                }
            }
            (Self::Eddsa(bytes), PublicKey::Ed25519(key), SigningInput::Eddsa(message)) => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(key).map_err(bad)?;
                let signature = ed25519_dalek::Signature::from_bytes(bytes);
                key.verify_strict(message, &signature).map_err(bad)
            }
            (
                Self::Bip340(bytes),
                PublicKey::Secp256k1(_),
                SigningInput::Bip340 { message, key: which },
            ) => {
                let internal = key.x_only().ok_or(Fault::SchemeMismatch)?;
                let x = match which {
                    SchnorrKey::Internal => internal,
                    SchnorrKey::Output { merkle_root } => {
                        taproot::output_key(&internal, merkle_root.as_ref())
                            .ok_or(Fault::BadSignature)?
                    }
                };
                let key = schnorr::VerifyingKey::from_bytes(&x).map_err(bad)?;
                let signature = schnorr::Signature::try_from(&bytes[..]).map_err(bad)?;
                key.verify_raw(message, &signature).map_err(bad)
            }
            _ => Err(Fault::SchemeMismatch),
        }
    }

    /// Finds the recovery id of an ECDSA signature and brings `s` into the lower half.
    pub(crate) fn ecdsa(rs: &[u8; 64], key: &PublicKey, digest: &Prehash) -> Result<Self, Fault> {
        let bad = |_| Fault::BadSignature;
        let signature = k256::ecdsa::Signature::from_slice(rs).map_err(bad)?;
        let signature = signature.normalize_s().unwrap_or(signature);
        let key = VerifyingKey::from_sec1_bytes(key.as_bytes()).map_err(bad)?;
        let id =
            RecoveryId::trial_recovery_from_prehash(&key, &digest.0, &signature).map_err(bad)?;
        let (r, s) = signature.split_bytes();
        Ok(Self::Ecdsa { r: r.into(), s: s.into(), recovery_id: id.to_byte() })
    }
}
