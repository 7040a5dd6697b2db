//! Distributed key generation, one for all curves and protocols.

use cggmp24_keygen::{
    key_share::CoreKeyShare, msg::threshold::Msg, security_level::SecurityLevel128,
};
use generic_ec::{
    Curve,
    curves::{Ed25519, Secp256k1},
};
use rand_core::{CryptoRng, RngCore};
use sha2::Sha256;

use crate::{
    Ceremony, ExecutionId, Fault, KeyShare, PartyIndex, Roster, Scheme,
    ceremony::{
        Machine, Refusal,
        driven::{Driven, Spoken},
        schedule::{Address, Schedule, Slot},
    },
    entropy::CeremonyRng,
    protocol::lockness,
    share::Core,
    wire::shape::Shape,
};

const SHAPE: Shape = Shape { longest_string: 128, most_items: 1024 };

const fn slot(stage: u16, to: Address) -> Slot {
    // The largest, a Feldman commitment of 16 points, has about 3 KiB.
    Slot { stage, to, largest_body: 6 * 1024, shape: SHAPE }
}

/// Commitment; opening and private share; proof of knowledge.
static TWO: Schedule = Schedule {
    slots: &[
        slot(1, Address::Everyone),
        slot(2, Address::Everyone),
        slot(2, Address::Each),
        slot(3, Address::Everyone),
    ],
};

/// The same with an echo of all commitments: among three, one could tell two different ones.
static MANY: Schedule = Schedule {
    slots: &[
        slot(1, Address::Everyone),
        slot(2, Address::Everyone),
        slot(3, Address::Everyone),
        slot(3, Address::Each),
        slot(4, Address::Everyone),
    ],
};

type Message<E> = Msg<E, SecurityLevel128, Sha256>;

impl<E: Curve> Spoken for Message<E> {
    fn slot(&self, echo: bool) -> usize {
        match self {
            Msg::Round1(_) => 0,
            Msg::ReliabilityCheck(_) => 1,
            Msg::Round2Broad(_) => 1 + usize::from(echo),
            Msg::Round2Uni(_) => 2 + usize::from(echo),
            Msg::Round3(_) => 3 + usize::from(echo),
        }
    }
}

/// Starts the generation of a t-of-n key (Pedersen's DKG with Feldman commitments, a commitment
/// round before them and proofs of knowledge at the end; CGGMP24, ePrint 2021/060). Everybody
/// contributes to the key and to its chain code.
///
/// Two parties need two round trips. With three or more, private messages must be hidden from the
/// others: t private messages to one party are that party's share.
///
/// # Errors
/// [`Fault::Quorum`] unless the roster is parties 0 to n−1 in order and 2 ≤ t ≤ n.
pub fn keygen(
    scheme: Scheme,
    execution: ExecutionId,
    roster: Roster,
    threshold: u16,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Ceremony<KeyShare>, Fault> {
    let in_order = (0..roster.count()).all(|seat| roster.at(seat) == PartyIndex(seat));
    if !in_order || !(2..=roster.count()).contains(&threshold) {
        return Err(Fault::Quorum);
    }
    let rng = CeremonyRng::seeded_by(rng);
    let schedule = if roster.count() > 2 { &MANY } else { &TWO };
    let machine = match scheme {
        Scheme::EddsaEd25519 => {
            generate::<Ed25519>(schedule, execution, &roster, threshold, rng, {
                move |core| KeyShare::new(scheme, Core::Ed25519(core))
            })
        }
        Scheme::EcdsaSecp256k1 | Scheme::SchnorrBip340 => {
            generate::<Secp256k1>(schedule, execution, &roster, threshold, rng, move |core| {
                KeyShare::new(scheme, Core::Secp256k1(core))
            })
        }
    };
    Ok(Ceremony::new(execution, roster, schedule, machine))
}

fn generate<E: Curve>(
    schedule: &'static Schedule,
    execution: ExecutionId,
    roster: &Roster,
    threshold: u16,
    mut rng: CeremonyRng,
    finish: impl FnOnce(CoreKeyShare<E>) -> Result<KeyShare, Fault> + Send + 'static,
) -> Box<dyn Machine<KeyShare>> {
    let (me, n) = (roster.my_seat(), roster.count());
    let echo = n > 2;
    Driven::<Message<E>, KeyShare>::machine(schedule, echo, move |party| async move {
        let core = cggmp24_keygen::keygen::<E>(
            cggmp24_keygen::ExecutionId::new(execution.as_bytes()),
            me,
            n,
        )
        .set_threshold(threshold)
        .enforce_reliable_broadcast(echo)
        .hd_wallet(true)
        .start(&mut rng, party)
        .await
        .map_err(|error| lockness::refusal(&error))?;
        finish(core).map_err(|_| Refusal::Aborted)
    })
}
