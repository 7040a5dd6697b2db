//! Signing (DKLs23, protocol 3.6): three rounds, two round trips for two parties.

use std::collections::BTreeMap;

use dkls23::protocols::{
    PartyIndex as Seat,
    signing::{
        Broadcast3to4, KeepPhase1to2, KeepPhase2to3, SignData, TransmitPhase1to2,
        TransmitPhase2to3, UniqueKeep1to2, UniqueKeep2to3,
    },
};
use serde::Serialize;

use super::{Curve, Party, Transfers, one_based, refusal};
use crate::{
    Ceremony, ExecutionId, Fault, KeyShare, PublicKey, Roster, Signature, Signed, SigningInput,
    ceremony::{
        Advance, Machine, Refusal, Said,
        schedule::{Address, Schedule, Slot},
    },
    wire,
    wire::shape::Shape,
};

const SHAPE: Shape = Shape { longest_string: 32 * 1024, most_items: 1 << 15 };

const fn slot(stage: u16, to: Address, largest_body: usize) -> Slot {
    Slot { stage, to, largest_body, shape: SHAPE }
}

/// Commitment and first half of the products; second half and opening; shares of the signature.
static SCHEDULE: Schedule = Schedule {
    slots: &[
        slot(1, Address::Each, 40 * 1024),
        slot(2, Address::Each, 64 * 1024),
        slot(3, Address::Everyone, 128),
    ],
};

const FIRST: usize = 0;
const SECOND: usize = 1;
const THIRD: usize = 2;

/// What is kept between the rounds; each step moves it out, so none runs twice.
enum Kept {
    Nothing,
    First(UniqueKeep1to2<Curve>, BTreeMap<Seat, KeepPhase1to2<Curve>>),
    Second(UniqueKeep2to3<Curve>, BTreeMap<Seat, KeepPhase2to3<Curve>>),
    /// r, as the library hands it over.
    Third(String),
}

struct Signing {
    seat: u16,
    seats: u16,
    party: Party,
    data: SignData,
    key: PublicKey,
    what: SigningInput,
    kept: Kept,
    first: BTreeMap<u16, TransmitPhase1to2>,
    second: BTreeMap<u16, TransmitPhase2to3<Curve>>,
    /// Ours included once it is made.
    third: BTreeMap<u16, Broadcast3to4<Curve>>,
}

pub(in crate::protocol) fn sign(
    execution: ExecutionId,
    roster: Roster,
    share: &KeyShare,
    transfers: &Transfers,
    what: &SigningInput,
) -> Result<Ceremony<Signed>, Fault> {
    let SigningInput::Ecdsa(digest) = what else { return Err(Fault::SchemeMismatch) };
    let data = SignData {
        sign_id: execution.as_bytes().to_vec(),
        counterparties: roster.peer_seats().map(one_based).collect(),
        message_hash: *digest.as_bytes(),
    };
    let machine = Signing {
        seat: roster.my_seat(),
        seats: roster.count(),
        party: transfers.party_for(share, &roster)?,
        data,
        key: share.public_key(),
        what: what.clone(),
        kept: Kept::Nothing,
        first: BTreeMap::new(),
        second: BTreeMap::new(),
        third: BTreeMap::new(),
    };
    Ok(Ceremony::new(execution, roster, &SCHEDULE, Box::new(machine)))
}

fn say(slot: usize, to: Option<Seat>, what: &impl Serialize) -> Result<Said, Refusal> {
    let body = wire::encode(what).ok_or(Refusal::Aborted)?;
    Ok(Said { slot, to: to.map(super::seat_of), body })
}

impl Signing {
    fn finish(&mut self, r: &str) -> Result<Signed, Refusal> {
        let shares: Vec<_> = std::mem::take(&mut self.third).into_values().collect();
        let (s, _) = self
            .party
            .sign_phase4(&self.data, r, &shares, true)
            .map_err(|abort| refusal(&abort))?;
        let SigningInput::Ecdsa(digest) = &self.what else { return Err(Refusal::Aborted) };
        let mut rs = [0; 64];
        for (half, hex) in rs.chunks_mut(32).zip([r, &s]) {
            base16(hex, half).ok_or(Refusal::Aborted)?;
        }
        let signature =
            Signature::ecdsa(&rs, &self.key, digest).map_err(|_| Refusal::CheatingUnattributed)?;
        signature.verify(&self.key, &self.what).map_err(|_| Refusal::CheatingUnattributed)?;
        Ok(Signed::Signature(signature))
    }
}

/// The library hands scalars over as hexadecimal text.
fn base16(text: &str, into: &mut [u8]) -> Option<()> {
    if text.len() != 2 * into.len() || !text.is_ascii() {
        return None;
    }
    for (k, byte) in into.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * k..2 * k + 2)?, 16).ok()?;
    }
    Some(())
}

impl Machine<Signed> for Signing {
    fn receive(&mut self, slot: usize, seat: u16, body: &[u8]) -> Result<(), Refusal> {
        let malformed = Refusal::Malformed { seat };
        let (from, to) = (one_based(seat), one_based(self.seat));
        let between = |parties: &dkls23::protocols::PartiesMessage| {
            parties.sender == from && parties.receiver == to
        };
        let ours = match slot {
            FIRST => {
                let said: TransmitPhase1to2 = wire::decode(body, &SHAPE).ok_or(malformed)?;
                let named = between(&said.parties);
                self.first.insert(seat, said);
                named
            }
            SECOND => {
                let said: TransmitPhase2to3<Curve> = wire::decode(body, &SHAPE).ok_or(malformed)?;
                let named = between(&said.parties);
                self.second.insert(seat, said);
                named
            }
            _ => {
                let said = wire::decode(body, &SHAPE).ok_or(malformed)?;
                self.third.insert(seat, said);
                true
            }
        };
        if ours { Ok(()) } else { Err(malformed) }
    }

    fn advance(&mut self) -> Result<Advance<Signed>, Refusal> {
        let others = usize::from(self.seats) - 1;
        let mut said = Vec::new();
        let mut output = None;
        loop {
            match std::mem::replace(&mut self.kept, Kept::Nothing) {
                Kept::Nothing => {
                    let (unique, kept, transmit) =
                        self.party.sign_phase1(&self.data).map_err(|abort| refusal(&abort))?;
                    for message in &transmit {
                        said.push(say(FIRST, Some(message.parties.receiver), message)?);
                    }
                    self.kept = Kept::First(unique, kept);
                }
                Kept::First(unique, kept) if self.first.len() == others => {
                    let received: Vec<_> = std::mem::take(&mut self.first).into_values().collect();
                    let (unique, kept, transmit) = self
                        .party
                        .sign_phase2(&self.data, unique, kept, &received)
                        .map_err(|abort| refusal(&abort))?;
                    for message in &transmit {
                        said.push(say(SECOND, Some(message.parties.receiver), message)?);
                    }
                    self.kept = Kept::Second(unique, kept);
                }
                Kept::Second(unique, kept) if self.second.len() == others => {
                    let received: Vec<_> = std::mem::take(&mut self.second).into_values().collect();
                    let (r, share) = self
                        .party
                        .sign_phase3(&self.data, unique, kept, &received)
                        .map_err(|abort| refusal(&abort))?;
                    said.push(say(THIRD, None, &share)?);
                    self.third.insert(self.seat, share);
                    self.kept = Kept::Third(r);
                }
                Kept::Third(r) if self.third.len() == others + 1 => {
                    output = Some(self.finish(&r)?);
                    break;
                }
                waiting => {
                    self.kept = waiting;
                    break;
                }
            }
        }
        Ok(Advance { said, output })
    }
}
