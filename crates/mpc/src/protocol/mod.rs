//! The signing protocols. Adding one touches this folder only: a folder of its own, and its lines
//! in the registry below.

mod cggmp24;
mod dkls23;
mod frost;
pub(crate) mod lockness;
mod projection;

use rand_core::{CryptoRng, RngCore};
use sharekeep_schemas::Protocol;
use zeroize::Zeroizing;

use crate::{
    Ceremony, ExecutionId, Fault, KeyShare, PartyIndex, Roster, Signature, SigningInput,
    entropy::CeremonyRng, safe_prime::PaillierPrimes,
};

/// What a quorum has prepared: needed beside the key share, and as secret. No `Debug`, `Clone` or
/// `Serialize`.
pub struct Preparation(Inner);

enum Inner {
    Cggmp24(cggmp24::Auxiliary),
    Dkls23(Box<dkls23::Transfers>),
}

impl Preparation {
    /// Whose preparation it is.
    pub fn protocol(&self) -> Protocol {
        match &self.0 {
            Inner::Cggmp24(_) => Protocol::Cggmp24,
            Inner::Dkls23(_) => Protocol::Dkls23,
        }
    }

    /// How many parties prepared.
    pub fn seats(&self) -> u16 {
        match &self.0 {
            Inner::Cggmp24(auxiliary) => auxiliary.seats(),
            Inner::Dkls23(transfers) => transfers.seats(),
        }
    }

    /// The part of a preparation that a quorum among the preparing parties signs with. `seats`
    /// names them, in the order in which they will sign.
    ///
    /// # Errors
    /// [`Fault::Quorum`] if we are not among them or a seat does not exist or repeats;
    /// [`Fault::Unprepared`] for protocols that prepare each quorum for itself.
    pub fn select(&self, seats: &[u16]) -> Result<Self, Fault> {
        match &self.0 {
            Inner::Cggmp24(auxiliary) => Ok(Self(Inner::Cggmp24(auxiliary.select(seats)?))),
            Inner::Dkls23(_) => Err(Fault::Unprepared),
        }
    }

    /// The versioned byte form, in the clear: for a caller that seals it at once.
    pub fn to_sealed_bytes(&self) -> Zeroizing<Vec<u8>> {
        match &self.0 {
            Inner::Cggmp24(auxiliary) => auxiliary.to_sealed_bytes(),
            Inner::Dkls23(transfers) => transfers.to_sealed_bytes(),
        }
    }

    /// Opens what [`Self::to_sealed_bytes`] made, checking it again.
    ///
    /// # Errors
    /// [`Fault::Unopenable`] for anything else.
    pub fn from_sealed_bytes(protocol: Protocol, bytes: &[u8]) -> Result<Self, Fault> {
        match protocol {
            Protocol::Cggmp24 => {
                Ok(Self(Inner::Cggmp24(cggmp24::Auxiliary::from_sealed_bytes(bytes)?)))
            }
            Protocol::Dkls23 => {
                Ok(Self(Inner::Dkls23(Box::new(dkls23::Transfers::from_sealed_bytes(bytes)?))))
            }
            Protocol::Frost => Err(Fault::Unopenable),
        }
    }
}

/// What a preparation is made from; it decides the protocol.
pub enum Preparing<'a> {
    /// CGGMP24's auxiliary data, from four fresh safe primes.
    Cggmp24 {
        /// Never used for anything else.
        primes: PaillierPrimes,
    },
    /// DKLs23's oblivious transfers for one quorum of one wallet.
    Dkls23 {
        /// This party's share.
        share: &'a KeyShare,
    },
}

/// Starts the preparation of a quorum. For [`Preparing::Cggmp24`] only the seats matter, so one
/// preparation serves all wallets that the same parties share; for [`Preparing::Dkls23`] the
/// roster is the signing quorum.
///
/// # Errors
/// [`Fault::Quorum`] or [`Fault::SchemeMismatch`] if share and roster do not fit together.
pub fn prepare(
    execution: ExecutionId,
    roster: Roster,
    from: Preparing<'_>,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Ceremony<Preparation>, Fault> {
    let rng = CeremonyRng::seeded_by(rng);
    match from {
        Preparing::Cggmp24 { primes } => Ok(cggmp24::prepare(execution, roster, primes, rng)),
        Preparing::Dkls23 { share } => {
            check_quorum(Protocol::Dkls23, share, &roster)?;
            dkls23::prepare(execution, roster, share)
        }
    }
}

/// What a signing party has at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The signature, verified.
    Signature(Signature),
    /// This party's contribution was sent; the party in seat 0 has the signature (FROST).
    Contributed,
}

/// Starts a signature by the roster's parties, who must be exactly as many as the threshold says.
/// With FROST, the party in seat 0 gets the signature and the others only contribute; otherwise
/// everybody gets it.
///
/// # Errors
/// [`Fault::Quorum`], [`Fault::SchemeMismatch`] or [`Fault::Unprepared`] if the arguments do not
/// fit together.
pub fn sign(
    protocol: Protocol,
    execution: ExecutionId,
    roster: Roster,
    share: &KeyShare,
    preparation: Option<&Preparation>,
    what: &SigningInput,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Ceremony<Signed>, Fault> {
    check_quorum(protocol, share, &roster)?;
    if what.scheme() != share.scheme() || !what.fits() {
        return Err(Fault::SchemeMismatch);
    }
    let rng = CeremonyRng::seeded_by(rng);
    match (protocol, preparation.map(|preparation| &preparation.0)) {
        (Protocol::Cggmp24, Some(Inner::Cggmp24(auxiliary))) => {
            cggmp24::sign(execution, roster, share, auxiliary, what, rng)
        }
        (Protocol::Dkls23, Some(Inner::Dkls23(transfers))) => {
            dkls23::sign(execution, roster, share, transfers, what)
        }
        (Protocol::Frost, None) => frost::sign(execution, roster, share, what, rng),
        _ => Err(Fault::Unprepared),
    }
}

fn check_quorum(protocol: Protocol, share: &KeyShare, roster: &Roster) -> Result<(), Fault> {
    if !protocol.supports(share.scheme()) {
        return Err(Fault::SchemeMismatch);
    }
    let exist = roster.parties().iter().all(|PartyIndex(index)| *index < share.parties());
    if roster.count() != share.threshold() || roster.me() != share.party() || !exist {
        return Err(Fault::Quorum);
    }
    Ok(())
}
