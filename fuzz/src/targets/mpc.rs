//! Protocol messages and stored shares.

use std::sync::OnceLock;

use rand_core::OsRng;
use sharekeep_mpc::{
    Ceremony, ExecutionId, KeyShare, PartyIndex, PossessionBinding, PossessionProof, Prehash,
    Preparation, Preparing, Protocol, Roster, Scheme, SchnorrKey, SigningInput, WireMessage,
    keygen, prepare, safe_prime::PaillierPrimes, sign,
};

static PRIMES: &[u8] =
    include_bytes!("../../../crates/mpc/tests/fixtures/not-secret-test-primes.bin");
static AUXILIARY: [&[u8]; 2] = [
    include_bytes!("../../../crates/mpc/tests/fixtures/not-secret-test-preparation-0.bin"),
    include_bytes!("../../../crates/mpc/tests/fixtures/not-secret-test-preparation-1.bin"),
];
const ID: ExecutionId = ExecutionId::from_bytes([1; 32]);

fn roster(me: u16) -> Roster {
    Roster::new(PartyIndex(me), &[PartyIndex(0), PartyIndex(1)]).unwrap()
}

fn finish<O>(mut a: Ceremony<O>, mut b: Ceremony<O>) -> [O; 2] {
    let mut up = a.step(vec![]).unwrap();
    while !up.is_empty() {
        up = a.step(b.step(up).unwrap()).unwrap();
    }
    [a.take_output().unwrap(), b.take_output().unwrap()]
}

struct Wallets {
    ecdsa: [KeyShare; 2],
    transfers: [Preparation; 2],
    auxiliary: [Preparation; 2],
    eddsa: [KeyShare; 2],
    schnorr: [KeyShare; 2],
}

fn wallets() -> &'static Wallets {
    static WALLETS: OnceLock<Wallets> = OnceLock::new();
    WALLETS.get_or_init(|| {
        let make = |scheme| {
            let start = |me| keygen(scheme, ID, roster(me), 2, &mut OsRng).unwrap();
            finish(start(0), start(1))
        };
        let ecdsa = make(Scheme::EcdsaSecp256k1);
        let start = |me: u16| {
            let from = Preparing::Dkls23 { share: &ecdsa[usize::from(me)] };
            prepare(ID, roster(me), from, &mut OsRng).unwrap()
        };
        let transfers = finish(start(0), start(1));
        let auxiliary = AUXILIARY.map(|bytes| {
            let all = Preparation::from_sealed_bytes(Protocol::Cggmp24, bytes).unwrap();
            all.select(&[0, 1]).unwrap()
        });
        let (eddsa, schnorr) = (make(Scheme::EddsaEd25519), make(Scheme::SchnorrBip340));
        Wallets { ecdsa, transfers, auxiliary, eddsa, schnorr }
    })
}

/// Talks honestly until the peer is to send `round`, and replaces that message's body.
fn attack<O>(start: impl Fn(u16) -> Ceremony<O>, round: u16, body: &[u8]) {
    let (mut victim, mut peer) = (start(0), start(1));
    let mut up = victim.step(vec![]).unwrap();
    while !up.is_empty() {
        let mut down: Vec<WireMessage> = peer.step(up).unwrap();
        let target = down.iter_mut().find(|message| message.round == round);
        let reached = target.map(|message| message.body = body.to_vec()).is_some();
        match victim.step(down) {
            Ok(next) if !reached => up = next,
            _ => return,
        }
    }
}

/// A body in any round of any protocol. The first two bytes choose protocol and round, the rest is
/// the body that the peer sends there, after an honest conversation up to that round.
pub(crate) fn bodies(bytes: &[u8]) {
    let [protocol, round, body @ ..] = bytes else { return };
    let round = u16::from(*round % 6);
    let wallets = wallets();
    let digest = SigningInput::Ecdsa(Prehash::of_examined_message([7; 32]));
    match protocol % 5 {
        0 => {
            let start = |me| keygen(Scheme::EddsaEd25519, ID, roster(me), 2, &mut OsRng).unwrap();
            attack(start, round, body);
        }
        1 => {
            let start = |me: u16| {
                let from = Preparing::Dkls23 { share: &wallets.ecdsa[usize::from(me)] };
                prepare(ID, roster(me), from, &mut OsRng).unwrap()
            };
            attack(start, round, body);
        }
        2 | 3 => {
            let (protocol, prepared) = match protocol % 5 {
                2 => (Protocol::Cggmp24, &wallets.auxiliary),
                _ => (Protocol::Dkls23, &wallets.transfers),
            };
            let start = |me: u16| {
                let (share, own) = (&wallets.ecdsa[usize::from(me)], &prepared[usize::from(me)]);
                sign(protocol, ID, roster(me), share, Some(own), &digest, &mut OsRng).unwrap()
            };
            attack(start, round, body);
        }
        _ => {
            let eddsa = round % 2 == 0;
            let start = |me: u16| {
                let key = SchnorrKey::Output { merkle_root: None };
                let (shares, what) = if eddsa {
                    (&wallets.eddsa, SigningInput::Eddsa(vec![7]))
                } else {
                    (&wallets.schnorr, SigningInput::Bip340 { message: vec![7], key })
                };
                let share = &shares[usize::from(me)];
                sign(Protocol::Frost, ID, roster(me), share, None, &what, &mut OsRng).unwrap()
            };
            attack(start, 1 + round / 2 % 2, body);
        }
    }
}

/// The same for cggmp24's auxiliary data, whose honest part takes seconds: the first byte chooses
/// the round.
pub(crate) fn auxiliary_bodies(bytes: &[u8]) {
    let [round, body @ ..] = bytes else { return };
    let start = |me: u16| {
        let size = PRIMES.len() / 5;
        let own = &PRIMES[usize::from(me) * size..][..size];
        let primes = PaillierPrimes::from_sealed_bytes(own).unwrap();
        prepare(ID, roster(me), Preparing::Cggmp24 { primes }, &mut OsRng).unwrap()
    };
    attack(start, 1 + u16::from(round % 2), body);
}

/// Proofs of possession: the first byte chooses the scheme. The rest is a proof, and what an honest
/// proof is changed by: nothing but that proof itself holds.
pub(crate) fn possession(bytes: &[u8]) {
    let [scheme, bytes @ ..] = bytes else { return };
    let wallets = wallets();
    let [verifier, prover] = match scheme % 3 {
        0 => &wallets.ecdsa,
        1 => &wallets.eddsa,
        _ => &wallets.schnorr,
    };
    let binding =
        PossessionBinding { wallet: &[5; 16], epoch: 1, party: prover.party(), nonce: &[6; 32] };
    let holds = |proof: &[u8]| {
        PossessionProof::from_bytes(proof)
            .is_ok_and(|proof| verifier.verify_possession(&binding, &proof).is_ok())
    };
    assert!(!holds(bytes), "the share is of this run");
    let honest = prover.prove_possession(&binding, &mut OsRng).unwrap();
    let mut changed = honest.as_bytes().to_vec();
    let length = changed.len().max(bytes.len());
    changed.resize(length, 0);
    changed.iter_mut().zip(bytes).for_each(|(byte, change)| *byte ^= change);
    assert_eq!(holds(&changed), changed == honest.as_bytes());
}

/// Key shares and preparations as they come out of storage.
pub(crate) fn sealed(bytes: &[u8]) {
    if let Ok(share) = KeyShare::from_sealed_bytes(bytes) {
        let again = share.to_sealed_bytes();
        let back = KeyShare::from_sealed_bytes(&again).map(|share| share.to_sealed_bytes());
        assert!(back.is_ok_and(|back| back == again));
    }
    for protocol in Protocol::ALL {
        if let Ok(preparation) = Preparation::from_sealed_bytes(protocol, bytes) {
            let again = preparation.to_sealed_bytes();
            let back = Preparation::from_sealed_bytes(protocol, &again);
            assert!(back.is_ok_and(|back| back.to_sealed_bytes() == again));
        }
    }
}

/// The message envelope.
pub(crate) fn wire_message(bytes: &[u8]) {
    super::schemas::cbor::<WireMessage>(bytes);
}
