//! From our key share to the library's party.

use dkls23::{
    protocols::{Parameters, derivation::DerivData},
    utilities::zero_shares::ZeroShare,
};
use generic_ec::{NonZero, Scalar};
use generic_ec_zkp::polynomial::lagrange_coefficient_at_zero;
use k256_dkls::elliptic_curve::{ff::PrimeField, sec1::FromSec1Point};
use zeroize::Zeroizing;

use super::{Party, one_based};
use crate::{Fault, KeyShare, Roster, protocol::projection::project, share::Core};

/// The share moved to the library's evaluation points: it signs with a polynomial at 1, 2, …, t
/// where ours is at the wallet's points, so y = λ·x/λ′ with λ, λ′ the Lagrange coefficients at zero
/// of our points and of its.
pub(super) fn moved_share(
    share: &KeyShare,
    roster: &Roster,
) -> Result<Zeroizing<k256_dkls::Scalar>, Fault> {
    let Core::Secp256k1(core) = &share.core else { return Err(Fault::SchemeMismatch) };
    let core = project(core, roster)?;
    let seat = usize::from(core.i);
    let vss = core.vss_setup.as_ref().ok_or(Fault::Quorum)?;
    let theirs: Option<Vec<_>> =
        (1..=roster.count()).map(|point| NonZero::from_scalar(Scalar::from(point))).collect();
    let ours = lagrange_coefficient_at_zero(seat, &vss.I).ok_or(Fault::Quorum)?;
    let theirs =
        lagrange_coefficient_at_zero(seat, &theirs.ok_or(Fault::Quorum)?).ok_or(Fault::Quorum)?;
    let factor = ours * theirs.invert();
    let moved = Zeroizing::new((factor * &core.x).as_ref().to_be_bytes().to_vec());
    let bytes: [u8; 32] = moved.as_slice().try_into().map_err(|_| Fault::Quorum)?;
    let bytes = Zeroizing::new(bytes);
    let scalar = Option::from(k256_dkls::Scalar::from_repr((*bytes).into()));
    Ok(Zeroizing::new(scalar.ok_or(Fault::Quorum)?))
}

/// A party with a key share and no oblivious transfers yet.
pub(super) fn party(share: &KeyShare, roster: &Roster, session: &[u8]) -> Result<Party, Fault> {
    let y = moved_share(share, roster)?;
    let pk = public_point(share)?;
    let count = roster.count() as u8;
    Ok(Party {
        parameters: Parameters::new(count, count).map_err(|_| Fault::Quorum)?,
        party_index: one_based(roster.my_seat()),
        session_id: session.to_vec(),
        poly_point: *y,
        pk,
        zero_share: ZeroShare::initialize(vec![]),
        mul_senders: Default::default(),
        mul_receivers: Default::default(),
        derivation_data: DerivData {
            depth: 0,
            child_number: 0,
            parent_fingerprint: [0; 4],
            poly_point: *y,
            pk,
            chain_code: share.chain_code(),
        },
        address: String::new(),
    })
}

pub(super) fn public_point(share: &KeyShare) -> Result<k256_dkls::AffinePoint, Fault> {
    k256_dkls::AffinePoint::from_sec1_bytes(share.public_key().as_bytes())
        .map_err(|_| Fault::SchemeMismatch)
}
