//! Whatever the network does to the messages: no panic, no wrong result, and a ceremony that met a
//! fault is over.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod parties;

use std::collections::VecDeque;

use parties::{execution, input, roster, shares, signers};
use proptest::prelude::*;
use rand_core::OsRng;
use sharekeep_mpc::{
    Ceremony, Fault, KeyShare, PartyIndex, Phase, Protocol, Scheme, Signed, WireMessage, keygen,
};

/// What the network does to one message.
#[derive(Clone, Debug)]
enum Mishap {
    Deliver,
    Drop,
    Duplicate,
    Delay,
    Corrupt { at: usize, bits: u8 },
    Truncate { to: usize },
    Foreign,
    Renumber { round: u16 },
    Resend { from: u16 },
    Readdress { to: Option<u16> },
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        12 => Just(Mishap::Deliver),
        1 => Just(Mishap::Drop),
        1 => Just(Mishap::Duplicate),
        1 => Just(Mishap::Delay),
        3 => (any::<usize>(), 1u8..).prop_map(|(at, bits)| Mishap::Corrupt { at, bits }),
        1 => any::<usize>().prop_map(|to| Mishap::Truncate { to }),
        1 => Just(Mishap::Foreign),
        1 => (0u16..7).prop_map(|round| Mishap::Renumber { round }),
        1 => (0u16..4).prop_map(|from| Mishap::Resend { from }),
        1 => proptest::option::of(0u16..4).prop_map(|to| Mishap::Readdress { to }),
    ]
}

/// What became of one party.
struct End<O> {
    output: Option<O>,
    fault: Option<Fault>,
}

/// Runs the parties over a bad network until it is silent, then gives up on those still waiting.
fn run<O>(mut parties: Vec<Ceremony<O>>, mishaps: &[Mishap]) -> Vec<End<O>> {
    let mut mishaps = mishaps.iter().cloned().chain(std::iter::repeat(Mishap::Deliver));
    let mut faults: Vec<Option<Fault>> = parties.iter().map(|_| None).collect();
    let mut wire: VecDeque<(usize, WireMessage)> = VecDeque::new();
    let recipients: Vec<PartyIndex> = parties.iter().map(|one| one.roster().me()).collect();
    let post = |wire: &mut VecDeque<_>, said: Vec<WireMessage>| {
        for message in said {
            for (place, me) in recipients.iter().enumerate() {
                if message.from != *me && message.to.is_none_or(|to| to == *me) {
                    wire.push_back((place, message.clone()));
                }
            }
        }
    };
    for one in &mut parties {
        let said = one.step(vec![]).unwrap();
        post(&mut wire, said);
    }
    // Delays and duplicates are finite, because the mishaps are.
    while let Some((place, mut message)) = wire.pop_front() {
        match mishaps.next().expect("endless") {
            Mishap::Deliver => (),
            Mishap::Drop => continue,
            Mishap::Duplicate => wire.push_back((place, message.clone())),
            Mishap::Delay => {
                wire.push_back((place, message));
                continue;
            }
            Mishap::Corrupt { at, bits } => {
                let at = at % message.body.len();
                message.body[at] ^= bits;
            }
            Mishap::Truncate { to } => message.body.truncate(to % message.body.len()),
            Mishap::Foreign => message.execution = execution(200),
            Mishap::Renumber { round } => message.round = round,
            Mishap::Resend { from } => message.from = PartyIndex(from),
            Mishap::Readdress { to } => message.to = to.map(PartyIndex),
        }
        let finished = parties[place].phase() == Phase::Done;
        match parties[place].step(vec![message]) {
            Ok(said) => {
                assert!(faults[place].is_none(), "it spoke after a fault");
                post(&mut wire, said);
            }
            Err(fault) => {
                let over = fault == Fault::Over;
                assert_eq!(over, finished || faults[place].is_some());
                if !over {
                    assert_eq!(parties[place].phase(), Phase::Failed);
                    faults[place] = Some(fault);
                }
            }
        }
    }
    let ends = parties.iter_mut().zip(faults);
    ends.map(|(one, fault)| {
        let late = one.expire();
        let fault = fault.or((late != Fault::Over).then_some(late));
        let output = one.take_output();
        assert!(fault.is_none() || output.is_none(), "a fault and an output");
        End { output, fault }
    })
    .collect()
}

fn untouched(mishaps: &[Mishap]) -> bool {
    mishaps.iter().all(|one| matches!(one, Mishap::Deliver))
}

fn check_keygen(n: u16, mishaps: &[Mishap]) {
    let all: Vec<u16> = (0..n).collect();
    let start = |me: &u16| {
        keygen(Scheme::EddsaEd25519, execution(1), roster(*me, &all), 2, &mut OsRng).unwrap()
    };
    let ends = run(all.iter().map(start).collect(), mishaps);
    let keys: Vec<&KeyShare> = ends.iter().filter_map(|end| end.output.as_ref()).collect();
    assert!(keys.windows(2).all(|two| two[0].public_key() == two[1].public_key()));
    assert!(!untouched(mishaps) || keys.len() == usize::from(n));
}

fn check_signing(scheme: Scheme, protocol: Protocol, quorum: &[u16], n: u16, mishaps: &[Mishap]) {
    let shares = shares(scheme, quorum.len() as u16, n);
    let what = input(scheme);
    let ends = run(signers(protocol, &shares, quorum, &what), mishaps);
    for end in &ends {
        if let Some(Signed::Signature(signature)) = &end.output {
            signature.verify(&shares[0].public_key(), &what).unwrap();
        }
    }
    assert!(!untouched(mishaps) || ends.iter().all(|end| end.fault.is_none()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn key_generation_survives_any_network(
        n in 2u16..4,
        mishaps in prop::collection::vec(mishap(), 0..24),
    ) {
        check_keygen(n, &mishaps);
    }

    #[test]
    fn frost_survives_any_network(
        ed25519 in any::<bool>(),
        mishaps in prop::collection::vec(mishap(), 0..10),
    ) {
        let scheme = if ed25519 { Scheme::EddsaEd25519 } else { Scheme::SchnorrBip340 };
        check_signing(scheme, Protocol::Frost, &[2, 0, 1], 3, &mishaps);
    }
}

proptest! {
    // Each case signs with real ECDSA arithmetic.
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn dkls23_survives_any_network(mishaps in prop::collection::vec(mishap(), 0..8)) {
        check_signing(Scheme::EcdsaSecp256k1, Protocol::Dkls23, &[0, 1], 2, &mishaps);
    }

    #[test]
    fn cggmp24_survives_any_network(mishaps in prop::collection::vec(mishap(), 0..10)) {
        check_signing(Scheme::EcdsaSecp256k1, Protocol::Cggmp24, &[1, 0], 2, &mishaps);
    }
}
