//! Parties in one process, and the messages between them.
#![allow(dead_code, reason = "each test file uses its own part")]

use rand_core::OsRng;
use sharekeep_mpc::{
    Ceremony, ExecutionId, Fault, KeyShare, PartyIndex, Preparation, Preparing, Protocol, Roster,
    Scheme, Signed, SigningInput, WireMessage, keygen, prepare, safe_prime::PaillierPrimes, sign,
};

/// Five sets of four primes, made for these tests and published with them: not secret.
static TEST_PRIMES: &[u8] = include_bytes!("../fixtures/not-secret-test-primes.bin");
/// What one preparing party keeps; five parties prepared together with the primes above.
static TEST_PREPARATIONS: [&[u8]; 5] = [
    include_bytes!("../fixtures/not-secret-test-preparation-0.bin"),
    include_bytes!("../fixtures/not-secret-test-preparation-1.bin"),
    include_bytes!("../fixtures/not-secret-test-preparation-2.bin"),
    include_bytes!("../fixtures/not-secret-test-preparation-3.bin"),
    include_bytes!("../fixtures/not-secret-test-preparation-4.bin"),
];

pub(crate) fn test_primes(party: usize) -> PaillierPrimes {
    let size = TEST_PRIMES.len() / 5;
    PaillierPrimes::from_sealed_bytes(&TEST_PRIMES[party * size..][..size]).unwrap()
}

/// The cggmp24 preparation of the test party in `quorum[seat]`, for that quorum.
pub(crate) fn test_preparation(quorum: &[u16], seat: usize) -> Preparation {
    let bytes = TEST_PREPARATIONS[usize::from(quorum[seat])];
    let all = Preparation::from_sealed_bytes(Protocol::Cggmp24, bytes).unwrap();
    all.select(quorum).unwrap()
}

pub(crate) fn execution(label: u8) -> ExecutionId {
    ExecutionId::from_bytes([label; 32])
}

pub(crate) fn indexes(quorum: &[u16]) -> Vec<PartyIndex> {
    quorum.iter().map(|index| PartyIndex(*index)).collect()
}

pub(crate) fn roster(me: u16, quorum: &[u16]) -> Roster {
    Roster::new(PartyIndex(me), &indexes(quorum)).unwrap()
}

/// Runs all parties to the end; each broadcast reaches everyone, each private message its receiver.
pub(crate) fn run<O>(mut parties: Vec<Ceremony<O>>) -> Result<Vec<O>, Fault> {
    let mut inboxes: Vec<Vec<WireMessage>> = parties.iter().map(|_| vec![]).collect();
    loop {
        let mut said = Vec::new();
        for (party, inbox) in parties.iter_mut().zip(&mut inboxes) {
            said.extend(party.step(std::mem::take(inbox))?);
        }
        if said.is_empty() {
            break;
        }
        for message in said {
            for (party, inbox) in parties.iter().zip(&mut inboxes) {
                let me = party.roster().me();
                if message.from != me && message.to.is_none_or(|to| to == me) {
                    inbox.push(message.clone());
                }
            }
        }
    }
    Ok(parties.iter_mut().map(|party| party.take_output().expect("every party finishes")).collect())
}

/// Client and server, one POST a step. Returns both outputs and the number of POSTs.
pub(crate) fn converse<O>(mut client: Ceremony<O>, mut server: Ceremony<O>) -> (O, O, usize) {
    let mut posts = 0;
    let mut up = client.step(vec![]).unwrap();
    while !up.is_empty() {
        posts += 1;
        let down = server.step(up).unwrap();
        up = client.step(down).unwrap();
    }
    (client.take_output().unwrap(), server.take_output().unwrap(), posts)
}

pub(crate) fn shares(scheme: Scheme, t: u16, n: u16) -> Vec<KeyShare> {
    let all: Vec<u16> = (0..n).collect();
    let start = |me: &u16| keygen(scheme, execution(1), roster(*me, &all), t, &mut OsRng).unwrap();
    run(all.iter().map(start).collect()).unwrap()
}

/// The transfers of one quorum, by seat.
pub(crate) fn transfers(shares: &[KeyShare], quorum: &[u16]) -> Vec<Preparation> {
    let start = |me: &u16| {
        let from = Preparing::Dkls23 { share: &shares[usize::from(*me)] };
        prepare(execution(2), roster(*me, quorum), from, &mut OsRng).unwrap()
    };
    run(quorum.iter().map(start).collect()).unwrap()
}

/// Preparations by seat, as the protocol wants them.
pub(crate) fn preparations(
    protocol: Protocol,
    shares: &[KeyShare],
    quorum: &[u16],
) -> Vec<Option<Preparation>> {
    match protocol {
        Protocol::Cggmp24 => {
            (0..quorum.len()).map(|seat| Some(test_preparation(quorum, seat))).collect()
        }
        Protocol::Dkls23 => transfers(shares, quorum).into_iter().map(Some).collect(),
        Protocol::Frost => quorum.iter().map(|_| None).collect(),
    }
}

/// The signing ceremonies of a quorum, by seat.
pub(crate) fn signers(
    protocol: Protocol,
    shares: &[KeyShare],
    quorum: &[u16],
    what: &SigningInput,
) -> Vec<Ceremony<Signed>> {
    let prepared = preparations(protocol, shares, quorum);
    let start = |(me, preparation): (&u16, &Option<Preparation>)| {
        let share = &shares[usize::from(*me)];
        let roster = roster(*me, quorum);
        sign(protocol, execution(3), roster, share, preparation.as_ref(), what, &mut OsRng).unwrap()
    };
    quorum.iter().zip(&prepared).map(start).collect()
}

/// An input of the right kind for each scheme.
pub(crate) fn input(scheme: Scheme) -> SigningInput {
    use sha2::{Digest, Sha256};
    use sharekeep_mpc::{Prehash, SchnorrKey};
    match scheme {
        Scheme::EcdsaSecp256k1 => {
            SigningInput::Ecdsa(Prehash::of_examined_message(Sha256::digest(b"message").into()))
        }
        Scheme::EddsaEd25519 => SigningInput::Eddsa(b"message".to_vec()),
        Scheme::SchnorrBip340 => {
            SigningInput::Bip340 { message: b"message".to_vec(), key: SchnorrKey::Internal }
        }
    }
}
