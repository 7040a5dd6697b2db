//! A share as the signing quorum sees it.

use generic_ec::Curve;
use key_share::{CoreKeyShare, Validate, VssSetup};

use crate::{Fault, Roster};

/// The same share in a sharing that has only the roster's parties, by seat: t points of a
/// polynomial of degree t − 1 still make the key.
pub(crate) fn project<E: Curve>(
    core: &CoreKeyShare<E>,
    roster: &Roster,
) -> Result<CoreKeyShare<E>, Fault> {
    let vss = core.vss_setup.as_ref().ok_or(Fault::Quorum)?;
    let pick = |party: &crate::PartyIndex| {
        let index = usize::from(party.0);
        Some((*vss.I.get(index)?, *core.public_shares.get(index)?))
    };
    let picked: Option<Vec<_>> = roster.parties().iter().map(pick).collect();
    let (points, public_shares) = picked.ok_or(Fault::Quorum)?.into_iter().unzip();
    let mut projected = (**core).clone();
    projected.i = roster.my_seat();
    projected.key_info.public_shares = public_shares;
    projected.key_info.vss_setup = Some(VssSetup { min_signers: roster.count(), I: points });
    projected.validate().map_err(|_| Fault::Quorum)
}
