//! DKLs23 threshold ECDSA, over shares of our own key generation.

mod bridge;
mod setup;
mod signing;

use dkls23::protocols::{Abort, AbortKind, AbortReason, PartyIndex as Seat};

use crate::ceremony::Refusal;

pub(super) use self::{
    setup::{Transfers, prepare},
    signing::sign,
};

type Party = dkls23::secp256k1::Party;
type Curve = k256_dkls::Secp256k1;

/// The library counts parties from 1.
fn one_based(seat: u16) -> Seat {
    Seat::new(seat as u8 + 1).expect("a seat is below 16, so this is neither 0 nor above 255")
}

fn seat_of(index: Seat) -> u16 {
    u16::from(index.as_u8()) - 1
}

/// Who is accused. A ban means that the base OTs leaked bits to the accused: the pair must never
/// use this preparation again.
fn refusal(abort: &Abort) -> Refusal {
    if let AbortKind::BanCounterparty(cheat) = &abort.kind {
        return Refusal::Cheating { seat: seat_of(*cheat) };
    }
    match &abort.reason {
        AbortReason::ProofVerificationFailed { counterparty }
        | AbortReason::CommitmentMismatch { counterparty }
        | AbortReason::TrivialInstancePoint { counterparty }
        | AbortReason::OtConsistencyCheckFailed { counterparty }
        | AbortReason::MultiplicationVerificationFailed { counterparty, .. }
        | AbortReason::GammaUInconsistency { counterparty }
        | AbortReason::ZeroShareDecommitFailed { counterparty } => {
            Refusal::Cheating { seat: seat_of(*counterparty) }
        }
        AbortReason::PolynomialInconsistency | AbortReason::SignatureVerificationFailed => {
            Refusal::CheatingUnattributed
        }
        // Among them a session mismatch: the two ends hold different preparations.
        _ => Refusal::Aborted,
    }
}
