//! The oblivious-transfer set-up of a quorum: the library's complete refresh, of which we keep the
//! transfers and the shares of zero, and drop the refreshed key share. So a preparation holds
//! nothing of the key.

use std::collections::BTreeMap;

use dkls23::protocols::{
    PartyIndex as Seat,
    dkg::{
        KeepInitMulPhase3to4, KeepInitZeroSharePhase2to3, KeepInitZeroSharePhase3to4,
        ProofCommitment, TransmitInitMulPhase3to4, TransmitInitZeroSharePhase2to4,
        TransmitInitZeroSharePhase3to4,
    },
};
use k256_dkls::Scalar;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{Curve, Party, bridge, one_based, refusal};
use crate::{
    Ceremony, ExecutionId, Fault, KeyShare, PartyIndex, Roster,
    ceremony::{
        Advance, Machine, Refusal, Said,
        schedule::{Address, Schedule, Slot},
    },
    protocol::{Inner, Preparation},
    sealing, wire,
    wire::shape::Shape,
};

/// The largest sealed preparation: about 78 KiB for each other party.
const LARGEST_BYTES: usize = 2 * 1024 * 1024;
const SEALED_SHAPE: Shape = Shape { longest_string: 1024, most_items: 1 << 20 };

const SHAPE: Shape = Shape { longest_string: 1024, most_items: 1 << 17 };

const fn slot(stage: u16, to: Address, largest_body: usize) -> Slot {
    Slot { stage, to, largest_body, shape: SHAPE }
}

/// Shares of a zero polynomial; commitments; openings and base OTs.
static SCHEDULE: Schedule = Schedule {
    slots: &[
        slot(1, Address::Each, 64),
        slot(2, Address::Everyone, 8 * 1024),
        slot(2, Address::Each, 160),
        slot(3, Address::Each, 216 * 1024),
    ],
};

const FRAGMENT: usize = 0;
const PROOF: usize = 1;
const ZERO: usize = 2;
const OPENING: usize = 3;

/// One quorum's oblivious transfers, for one wallet.
pub(in crate::protocol) struct Transfers {
    parties: Vec<PartyIndex>,
    key: [u8; 33],
    party: Party,
}

/// The byte form, version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<P> {
    v: u8,
    parties: Vec<PartyIndex>,
    #[serde(with = "serde_bytes")]
    key: [u8; 33],
    party: P,
}

impl Transfers {
    pub(in crate::protocol) fn seats(&self) -> u16 {
        self.parties.len() as u16
    }

    /// The library's party for this share, if the preparation is for this quorum of this wallet.
    pub(super) fn party_for(&self, share: &KeyShare, roster: &Roster) -> Result<Party, Fault> {
        if self.key != share.public_key().as_bytes() || self.parties != roster.parties() {
            return Err(Fault::Unprepared);
        }
        let mut party = self.party.clone();
        if party.party_index != one_based(roster.my_seat()) {
            return Err(Fault::Unprepared);
        }
        let y = bridge::moved_share(share, roster)?;
        party.poly_point = *y;
        party.derivation_data.poly_point = *y;
        Ok(party)
    }

    pub(in crate::protocol) fn to_sealed_bytes(&self) -> Zeroizing<Vec<u8>> {
        let sealed =
            Sealed { v: 1, parties: self.parties.clone(), key: self.key, party: &self.party };
        sealing::to_bytes(&sealed, 128 * 1024 * self.parties.len())
    }

    pub(in crate::protocol) fn from_sealed_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let sealed: Sealed<Party> = sealing::from_bytes(bytes, LARGEST_BYTES, &SEALED_SHAPE)?;
        let Sealed { v, parties, key, party } = sealed;
        let me = u16::from(party.party_index.as_u8()).checked_sub(1);
        let me = me.and_then(|seat| parties.get(usize::from(seat))).ok_or(Fault::Unopenable)?;
        let roster = Roster::new(*me, &parties).map_err(|_| Fault::Unopenable)?;
        let peers: Vec<Seat> = roster.peer_seats().map(one_based).collect();
        let sound = v == 1
            && u16::from(party.parameters.share_count) == roster.count()
            && u16::from(party.parameters.threshold) == roster.count()
            && party.mul_senders.keys().eq(&peers)
            && party.mul_receivers.keys().eq(&peers)
            && party.zero_share.seeds.iter().map(|seed| &seed.index_counterparty).eq(&peers);
        // The transfers' own dimensions are checked by the library at every signature.
        if sound { Ok(Self { parties, key, party }) } else { Err(Fault::Unopenable) }
    }
}

pub(in crate::protocol) fn prepare(
    execution: ExecutionId,
    roster: Roster,
    share: &KeyShare,
) -> Result<Ceremony<Preparation>, Fault> {
    let party = bridge::party(share, &roster, execution.as_bytes())?;
    let key = share.public_key().as_bytes().try_into().map_err(|_| Fault::SchemeMismatch)?;
    let machine = Setup {
        execution,
        roster: roster.clone(),
        key,
        party,
        fragments: BTreeMap::new(),
        proofs: BTreeMap::new(),
        zeros: BTreeMap::new(),
        openings: BTreeMap::new(),
        committed: None,
        opened: None,
    };
    Ok(Ceremony::new(execution, roster, &SCHEDULE, Box::new(machine)))
}

/// What the other parties learn of us in the last round.
#[derive(Serialize, Deserialize)]
struct Opening(TransmitInitZeroSharePhase3to4, TransmitInitMulPhase3to4<Curve>);

struct Committed {
    correction: Zeroizing<Scalar>,
    zeros: BTreeMap<Seat, KeepInitZeroSharePhase2to3>,
}

struct Opened {
    zeros: BTreeMap<Seat, KeepInitZeroSharePhase3to4>,
    products: BTreeMap<Seat, KeepInitMulPhase3to4<Curve>>,
}

struct Setup {
    execution: ExecutionId,
    roster: Roster,
    key: [u8; 33],
    party: Party,
    /// By seat, ours included once it is made.
    fragments: BTreeMap<u16, Zeroizing<Scalar>>,
    proofs: BTreeMap<u16, ProofCommitment<Curve>>,
    zeros: BTreeMap<u16, TransmitInitZeroSharePhase2to4>,
    openings: BTreeMap<u16, Opening>,
    committed: Option<Committed>,
    opened: Option<Opened>,
}

impl Setup {
    fn say(&self, slot: usize, to: Option<Seat>, what: &impl Serialize) -> Result<Said, Refusal> {
        let body = wire::encode(what).ok_or(Refusal::Aborted)?;
        Ok(Said { slot, to: to.map(super::seat_of), body })
    }

    fn deal(&mut self, said: &mut Vec<Said>) -> Result<(), Refusal> {
        let fragments = Zeroizing::new(self.party.refresh_complete_phase1());
        for (seat, fragment) in (0..).zip(fragments.iter()) {
            if seat == self.roster.my_seat() {
                self.fragments.insert(seat, Zeroizing::new(*fragment));
            } else {
                said.push(self.say(FRAGMENT, Some(one_based(seat)), fragment)?);
            }
        }
        Ok(())
    }

    fn commit(&mut self, said: &mut Vec<Said>) -> Result<(), Refusal> {
        let fragments: Vec<Scalar> = self.fragments.values().map(|fragment| **fragment).collect();
        let fragments = Zeroizing::new(fragments);
        let (correction, proof, zeros, transmit) =
            self.party.refresh_complete_phase2(self.execution.as_bytes(), &fragments);
        said.push(self.say(PROOF, None, &proof)?);
        self.proofs.insert(self.roster.my_seat(), proof);
        for zero in &transmit {
            said.push(self.say(ZERO, Some(zero.parties.receiver), zero)?);
        }
        self.committed = Some(Committed { correction: Zeroizing::new(correction), zeros });
        Ok(())
    }

    fn open(&mut self, said: &mut Vec<Said>) -> Result<(), Refusal> {
        let committed = self.committed.as_ref().ok_or(Refusal::Aborted)?;
        let (zeros, open_zeros, products, open_products) =
            self.party.refresh_complete_phase3(self.execution.as_bytes(), &committed.zeros);
        for (zero, product) in open_zeros.into_iter().zip(open_products) {
            let to = zero.parties.receiver;
            said.push(self.say(OPENING, Some(to), &Opening(zero, product))?);
        }
        self.opened = Some(Opened { zeros, products });
        Ok(())
    }

    fn finish(&mut self) -> Result<Preparation, Refusal> {
        let (Some(committed), Some(opened)) = (&self.committed, &self.opened) else {
            return Err(Refusal::Aborted);
        };
        let proofs: Vec<_> = self.proofs.values().cloned().collect();
        let zeros: Vec<_> = self.zeros.values().cloned().collect();
        let (open_zeros, products): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.openings).into_values().map(|Opening(a, b)| (a, b)).unzip();
        let mut party = self
            .party
            .refresh_complete_phase4(
                self.execution.as_bytes(),
                &committed.correction,
                &proofs,
                &opened.zeros,
                &zeros,
                &open_zeros,
                &opened.products,
                &products,
            )
            .map_err(|abort| refusal(&abort))?;
        // The share comes back at each signature, from the key share.
        party.poly_point.zeroize();
        party.derivation_data.poly_point.zeroize();
        let parties = self.roster.parties().to_vec();
        let transfers = Transfers { parties, key: self.key, party };
        Ok(Preparation(Inner::Dkls23(Box::new(transfers))))
    }
}

impl Machine<Preparation> for Setup {
    fn receive(&mut self, slot: usize, seat: u16, body: &[u8]) -> Result<(), Refusal> {
        let malformed = Refusal::Malformed { seat };
        let (from, to) = (one_based(seat), one_based(self.roster.my_seat()));
        let between = |parties: &dkls23::protocols::PartiesMessage| {
            parties.sender == from && parties.receiver == to
        };
        let ours = match slot {
            FRAGMENT => {
                let fragment: Scalar = wire::decode(body, &SHAPE).ok_or(malformed)?;
                self.fragments.insert(seat, Zeroizing::new(fragment));
                true
            }
            PROOF => {
                let proof: ProofCommitment<Curve> = wire::decode(body, &SHAPE).ok_or(malformed)?;
                let named = proof.index == from;
                self.proofs.insert(seat, proof);
                named
            }
            ZERO => {
                let zero: TransmitInitZeroSharePhase2to4 =
                    wire::decode(body, &SHAPE).ok_or(malformed)?;
                let named = between(&zero.parties);
                self.zeros.insert(seat, zero);
                named
            }
            _ => {
                let opening: Opening = wire::decode(body, &SHAPE).ok_or(malformed)?;
                let named = between(&opening.0.parties) && between(&opening.1.parties);
                self.openings.insert(seat, opening);
                named
            }
        };
        if ours { Ok(()) } else { Err(malformed) }
    }

    fn advance(&mut self) -> Result<Advance<Preparation>, Refusal> {
        let everyone = usize::from(self.roster.count());
        let mut said = Vec::new();
        if !self.fragments.contains_key(&self.roster.my_seat()) {
            self.deal(&mut said)?;
        }
        if self.committed.is_none() && self.fragments.len() == everyone {
            self.commit(&mut said)?;
        }
        let committed = self.proofs.len() == everyone && self.zeros.len() == everyone - 1;
        if self.opened.is_none() && committed {
            self.open(&mut said)?;
        }
        let output = match self.opened.is_some() && self.openings.len() == everyone - 1 {
            true => Some(self.finish()?),
            false => None,
        };
        Ok(Advance { said, output })
    }
}
