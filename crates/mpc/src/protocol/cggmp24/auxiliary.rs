//! Auxiliary data: each party's Paillier key and ring-Pedersen parameters, with proofs.

use cggmp24::{
    backend::Integer,
    key_refresh::{PregeneratedPrimes, msg::Msg},
    key_share::{AuxInfo, DirtyAuxInfo, Validate},
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Level, MODULUS_BITS};
use crate::{
    Ceremony, ExecutionId, Fault, MAX_PARTIES, Roster,
    ceremony::{
        Refusal,
        driven::{Driven, Spoken},
        schedule::{Address, Schedule, Slot},
    },
    entropy::CeremonyRng,
    protocol::{Inner, Preparation, lockness},
    safe_prime::PaillierPrimes,
    sealing,
    wire::shape::Shape,
};

/// The largest sealed auxiliary data: 16 parties have about 55 KiB.
const LARGEST_BYTES: usize = 96 * 1024;
const SEALED_SHAPE: Shape = Shape { longest_string: 1024, most_items: 1024 };

/// The widest integer is a response of Πfac: about 7,430 bits.
const SHAPE: Shape = Shape { longest_string: 2048, most_items: 8192 };

const fn slot(stage: u16, to: Address, largest_body: usize) -> Slot {
    Slot { stage, to, largest_body, shape: SHAPE }
}

const HASH: usize = 256;
/// 128 repetitions of two 3072-bit integers, in hexadecimal.
const PROOFS: usize = 224 * 1024;

/// Commitment; parameters with Πprm; Πmod and Πfac.
static TWO: Schedule = Schedule {
    slots: &[
        slot(1, Address::Everyone, HASH),
        slot(2, Address::Everyone, PROOFS),
        slot(3, Address::Each, PROOFS),
    ],
};

/// The same with an echo of the commitments.
static MANY: Schedule = Schedule {
    slots: &[
        slot(1, Address::Everyone, HASH),
        slot(2, Address::Everyone, HASH),
        slot(3, Address::Everyone, PROOFS),
        slot(4, Address::Each, PROOFS),
    ],
};

type Message = Msg<Sha256, Level>;

impl Spoken for Message {
    fn slot(&self, echo: bool) -> usize {
        match self {
            Msg::Round1(_) => 0,
            Msg::ReliabilityCheck(_) => 1,
            Msg::Round2(_) => 1 + usize::from(echo),
            Msg::Round3(_) => 2 + usize::from(echo),
        }
    }

    /// The library knows only a lower bound for a modulus, and checks it after the commitment.
    fn in_range(&self) -> bool {
        match self {
            Msg::Round2(said) => {
                let below = |x: &Integer| x.cmp0().is_gt() && x < &said.hat_N;
                is_modulus(&said.N) && is_modulus(&said.hat_N) && below(&said.s) && below(&said.t)
            }
            _ => true,
        }
    }
}

fn is_modulus(n: &Integer) -> bool {
    n.cmp0().is_gt() && !n.is_even() && MODULUS_BITS.contains(&n.significant_bits())
}

/// One party's auxiliary data among `seats` parties. The primes are not wiped on drop: the
/// big-integer library has no way to.
pub(in crate::protocol) struct Auxiliary {
    seat: u16,
    pub(super) info: AuxInfo<Level>,
}

/// The byte form, version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    v: u8,
    seat: u16,
    info: DirtyAuxInfo<Level>,
}

impl Auxiliary {
    pub(in crate::protocol) fn seats(&self) -> u16 {
        self.info.N.len() as u16
    }

    pub(super) fn seat(&self) -> u16 {
        self.seat
    }

    pub(in crate::protocol) fn select(&self, seats: &[u16]) -> Result<Self, Fault> {
        let distinct = seats.iter().enumerate().all(|(k, seat)| !seats[..k].contains(seat));
        let mine = seats.iter().position(|seat| *seat == self.seat).ok_or(Fault::Quorum)?;
        let exist = seats.iter().all(|seat| *seat < self.seats());
        if !distinct || !exist || seats.len() < 2 {
            return Err(Fault::Quorum);
        }
        let mut info = (*self.info).clone();
        info.N = seats.iter().map(|seat| self.info.N[usize::from(*seat)].clone()).collect();
        info.pedersen_params = seats
            .iter()
            .map(|seat| self.info.pedersen_params[usize::from(*seat)].clone())
            .collect();
        let info = info.validate().map_err(|_| Fault::Quorum)?;
        Ok(Self { seat: mine as u16, info })
    }

    pub(in crate::protocol) fn to_sealed_bytes(&self) -> Zeroizing<Vec<u8>> {
        let info = (*self.info).clone();
        sealing::to_bytes(&Sealed { v: 1, seat: self.seat, info }, LARGEST_BYTES)
    }

    pub(in crate::protocol) fn from_sealed_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let Sealed { v, seat, info } = sealing::from_bytes(bytes, LARGEST_BYTES, &SEALED_SHAPE)?;
        let seats = info.N.len();
        // Only our own parameters have their factors beside them; nobody's have tables.
        let lean = info.pedersen_params.iter().enumerate().all(|(other, params)| {
            params.multiexp.is_none() && (params.crt.is_none() || other == usize::from(seat))
        });
        let moduli = info.N.iter().chain(info.pedersen_params.iter().map(|p| &p.hat_N));
        let sound = v == 1
            && lean
            && (2..=usize::from(MAX_PARTIES)).contains(&seats)
            && info.pedersen_params.len() == seats
            && info.N.get(usize::from(seat)) == Some(&(&info.p * &info.q))
            && moduli.into_iter().all(is_modulus);
        if !sound {
            return Err(Fault::Unopenable);
        }
        let info = info.validate().map_err(|_| Fault::Unopenable)?;
        Ok(Self { seat, info })
    }
}

pub(in crate::protocol) fn prepare(
    execution: ExecutionId,
    roster: Roster,
    primes: PaillierPrimes,
    mut rng: CeremonyRng,
) -> Ceremony<Preparation> {
    let (seat, seats) = (roster.my_seat(), roster.count());
    let echo = seats > 2;
    let schedule = if echo { &MANY } else { &TWO };
    let machine =
        Driven::<Message, Preparation>::machine(schedule, echo, move |party| async move {
            let primes = PregeneratedPrimes::<Level>::try_from(primes.into_integers())
                .map_err(|_| Refusal::Aborted)?;
            let eid = cggmp24::ExecutionId::new(execution.as_bytes());
            let info = cggmp24::aux_info_gen(eid, seat, seats, primes)
                .enforce_reliable_broadcast(echo)
                .start(&mut rng, party)
                .await
                .map_err(|error| lockness::refusal(&error))?;
            Ok(Preparation(Inner::Cggmp24(Auxiliary { seat, info })))
        });
    Ceremony::new(execution, roster, schedule, machine)
}
