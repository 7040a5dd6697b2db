//! Public keys of wallets, parsed once.

use alloy_primitives::Address;
use bitcoin::{
    CompressedPublicKey, ScriptBuf,
    key::{TapTweak, TweakedPublicKey, UntweakedPublicKey},
    secp256k1::{PublicKey as SecpPublicKey, Secp256k1},
};
use ed25519_dalek::VerifyingKey;

use crate::{MessageError, Scheme};

/// Length of a compressed SEC1 point in bytes.
const SEC1_COMPRESSED_BYTES: usize = 33;
/// Length of an x-only or Ed25519 public key in bytes.
const SHORT_KEY_BYTES: usize = 32;

/// A wallet's public key, known to be on its curve.
pub(crate) enum PublicKey {
    /// An ECDSA key.
    Ecdsa(SecpPublicKey),
    /// An Ed25519 key.
    Eddsa(VerifyingKey),
    /// A BIP-340 key before any taproot tweak.
    Bip340(UntweakedPublicKey),
}

impl PublicKey {
    /// Reads a key of a scheme: ECDSA as SEC1 (33 or 65 bytes), BIP-340 as x-only (32) or compressed
    /// SEC1 (33), Ed25519 as its 32 bytes.
    pub(crate) fn parse(scheme: Scheme, bytes: &[u8]) -> Result<Self, MessageError> {
        match scheme {
            Scheme::EcdsaSecp256k1 => parse_sec1(bytes).map(Self::Ecdsa),
            Scheme::SchnorrBip340 => parse_xonly(bytes).map(Self::Bip340),
            Scheme::EddsaEd25519 => parse_ed25519(bytes).map(Self::Eddsa),
        }
    }
}

pub(crate) fn parse_sec1(bytes: &[u8]) -> Result<SecpPublicKey, MessageError> {
    // The library also reads hybrid encodings (first byte 6 or 7); those are nobody's wallet keys.
    match bytes.first() {
        Some(2..=4) => SecpPublicKey::from_slice(bytes).map_err(|_| MessageError::PublicKey),
        _ => Err(MessageError::PublicKey),
    }
}

pub(crate) fn parse_xonly(bytes: &[u8]) -> Result<UntweakedPublicKey, MessageError> {
    match bytes.len() {
        SHORT_KEY_BYTES => {
            UntweakedPublicKey::from_slice(bytes).map_err(|_| MessageError::PublicKey)
        }
        SEC1_COMPRESSED_BYTES => Ok(parse_sec1(bytes)?.x_only_public_key().0),
        _ => Err(MessageError::PublicKey),
    }
}

pub(crate) fn parse_ed25519(bytes: &[u8]) -> Result<VerifyingKey, MessageError> {
    let bytes: [u8; SHORT_KEY_BYTES] = bytes.try_into().map_err(|_| MessageError::PublicKey)?;
    let key = VerifyingKey::from_bytes(&bytes).map_err(|_| MessageError::PublicKey)?;
    // A key of small order signs anything for anybody.
    if key.is_weak() {
        return Err(MessageError::PublicKey);
    }
    Ok(key)
}

/// The Ethereum address: the last 20 bytes of the Keccak-256 hash of the point.
pub(crate) fn ethereum_address_of(key: &SecpPublicKey) -> Address {
    Address::from_raw_public_key(&key.serialize_uncompressed()[1..])
}

/// The BIP-86 output key: the internal key tweaked with an empty merkle root (BIP-341).
pub(crate) fn bip86_output_key(internal: UntweakedPublicKey) -> TweakedPublicKey {
    internal.tap_tweak(&Secp256k1::verification_only(), None).0
}

/// The P2TR script of the BIP-86 output key.
pub(crate) fn bip86_script(internal: UntweakedPublicKey) -> ScriptBuf {
    ScriptBuf::new_p2tr_tweaked(bip86_output_key(internal))
}

/// The P2WPKH script of a key.
pub(crate) fn p2wpkh_script(key: &SecpPublicKey) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&CompressedPublicKey(*key).wpubkey_hash())
}
