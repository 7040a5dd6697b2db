//! The taproot output key (BIP-341).

use k256::{
    AffinePoint, ProjectivePoint, Scalar,
    elliptic_curve::{
        ff::PrimeField,
        point::{AffineCoordinates, DecompressPoint},
        subtle::Choice,
    },
};
use sha2::{Digest, Sha256};

use crate::PublicKey;

/// The x-only output key of a wallet without a script tree (BIP-86): what its taproot address
/// encodes. `None` for Ed25519 keys, and for the one tweak in 2^128 that is not a scalar.
pub fn taproot_output_key(key: &PublicKey) -> Option<[u8; 32]> {
    output_key(&key.x_only()?, None)
}

/// BIP-341 `taproot_tweak_pubkey`: lift_x(internal) + H_TapTweak(internal ‖ root)·G.
pub(crate) fn output_key(internal: &[u8; 32], merkle_root: Option<&[u8; 32]>) -> Option<[u8; 32]> {
    let tag = Sha256::digest(b"TapTweak");
    let mut hash = Sha256::new().chain_update(tag).chain_update(tag).chain_update(internal);
    if let Some(root) = merkle_root {
        hash.update(root);
    }
    let tweak = Option::<Scalar>::from(Scalar::from_repr(hash.finalize()))?;
    let lifted = AffinePoint::decompress(internal.into(), Choice::from(0));
    let lifted = Option::<AffinePoint>::from(lifted)?;
    let output = ProjectivePoint::from(lifted) + ProjectivePoint::GENERATOR * tweak;
    Some(output.to_affine().x().into())
}
