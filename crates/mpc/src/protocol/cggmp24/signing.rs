//! The full signature: the message is known to all before the first round, so no presignature
//! exists that a chosen digest could abuse (ePrint 2021/1330).

use cggmp24::{KeyShare as FullShare, PrehashedDataToSign, signing::msg::Msg};
use generic_ec::{Scalar, curves::Secp256k1};
use sha2::Sha256;

use super::{Auxiliary, Level};
use crate::{
    Ceremony, ExecutionId, Fault, KeyShare, Roster, Signature, Signed, SigningInput,
    ceremony::{
        Refusal,
        driven::{Driven, Spoken},
        schedule::{Address, Schedule, Slot},
    },
    entropy::CeremonyRng,
    protocol::{lockness, projection::project},
    share::Core,
    wire::shape::Shape,
};

/// The widest integers are ciphertexts: 6,144 bits.
const SHAPE: Shape = Shape { longest_string: 1664, most_items: 512 };

const fn slot(stage: u16, to: Address, largest_body: usize) -> Slot {
    Slot { stage, to, largest_body, shape: SHAPE }
}

const CIPHERTEXTS: usize = 4 * 1024;
const RANGE_PROOFS: usize = 12 * 1024;
const HASH: usize = 160;
const PRODUCTS: usize = 30 * 1024;
const PRESIGNATURE: usize = 1024;
const SHARE: usize = 160;

/// Ciphertexts and their proofs; products; presignature; partial signature.
static TWO: Schedule = Schedule {
    slots: &[
        slot(1, Address::Everyone, CIPHERTEXTS),
        slot(1, Address::Each, RANGE_PROOFS),
        slot(2, Address::Each, PRODUCTS),
        slot(3, Address::Everyone, PRESIGNATURE),
        slot(4, Address::Everyone, SHARE),
    ],
};

/// The same with an echo of the ciphertexts.
static MANY: Schedule = Schedule {
    slots: &[
        slot(1, Address::Everyone, CIPHERTEXTS),
        slot(1, Address::Each, RANGE_PROOFS),
        slot(2, Address::Everyone, HASH),
        slot(3, Address::Each, PRODUCTS),
        slot(4, Address::Everyone, PRESIGNATURE),
        slot(5, Address::Everyone, SHARE),
    ],
};

type Message = Msg<Secp256k1, Sha256>;

impl Spoken for Message {
    fn slot(&self, echo: bool) -> usize {
        match self {
            Msg::Round1a(_) => 0,
            Msg::Round1b(_) => 1,
            Msg::ReliabilityCheck(_) => 2,
            Msg::Round2(_) => 2 + usize::from(echo),
            Msg::Round3(_) => 3 + usize::from(echo),
            Msg::Round4(_) => 4 + usize::from(echo),
        }
    }
}

pub(in crate::protocol) fn sign(
    execution: ExecutionId,
    roster: Roster,
    share: &KeyShare,
    auxiliary: &Auxiliary,
    what: &SigningInput,
    mut rng: CeremonyRng,
) -> Result<Ceremony<Signed>, Fault> {
    let (Core::Secp256k1(core), SigningInput::Ecdsa(digest)) = (&share.core, what) else {
        return Err(Fault::SchemeMismatch);
    };
    let (seat, seats) = (roster.my_seat(), roster.count());
    if auxiliary.seat() != seat || auxiliary.seats() != seats {
        return Err(Fault::Unprepared);
    }
    let core = project(core, &roster)?;
    let full = FullShare::<Secp256k1, Level>::from_parts((core, auxiliary.info.clone()))
        .map_err(|_| Fault::Unprepared)?;
    let (key, what, digest) = (share.public_key(), what.clone(), *digest);
    let echo = seats > 2;
    let schedule = if echo { &MANY } else { &TWO };
    let machine = Driven::<Message, Signed>::machine(schedule, echo, move |party| async move {
        let data =
            PrehashedDataToSign::from_scalar(Scalar::from_be_bytes_mod_order(digest.as_bytes()));
        let everyone: Vec<u16> = (0..seats).collect();
        let eid = cggmp24::ExecutionId::new(execution.as_bytes());
        let signature = cggmp24::signing(eid, seat, &everyone, &full)
            .enforce_reliable_broadcast(echo)
            .sign(&mut rng, party, &data)
            .await
            .map_err(|error| lockness::refusal(&error))?;
        let mut rs = [0; 64];
        signature.write_to_slice(&mut rs);
        let signature =
            Signature::ecdsa(&rs, &key, &digest).map_err(|_| Refusal::CheatingUnattributed)?;
        signature.verify(&key, &what).map_err(|_| Refusal::CheatingUnattributed)?;
        Ok(Signed::Signature(signature))
    });
    Ok(Ceremony::new(execution, roster, schedule, machine))
}
