//! What parties say to each other, and what they end with.

use super::{cbor, seed};
use rand_core::OsRng;
use sharekeep_mpc::{
    Ceremony, ExecutionId, KeyShare, PartyIndex, Prehash, Preparing, Roster, SchnorrKey,
    SigningInput, keygen, prepare, sign,
};

/// Talks through a ceremony and keeps what party 1 says in each round.
///
/// The target is told the protocol by a number and the round by another: `from`, and `by` more for
/// each further round.
fn talk<O>([protocol, from, by]: [u8; 3], start: impl Fn(u16) -> Ceremony<O>) -> [O; 2] {
    let (mut victim, mut peer) = (start(0), start(1));
    let mut up = victim.step(Vec::new()).unwrap();
    while !up.is_empty() {
        let down = peer.step(up).unwrap();
        for message in &down {
            let round = from + by * u8::try_from(message.round).unwrap();
            let bytes = [&[protocol, round], &message.body[..]].concat();
            seed("mpc_bodies", &format!("{protocol}-{round}"), &bytes);
            cbor("mpc_wire_message", &format!("{protocol}-{round}"), message);
        }
        up = victim.step(down).unwrap();
    }
    [victim.take_output().unwrap(), peer.take_output().unwrap()]
}

pub(super) fn mpc() -> [KeyShare; 2] {
    let execution = ExecutionId::from_bytes([1; 32]);
    let roster = |me| Roster::new(PartyIndex(me), &[PartyIndex(0), PartyIndex(1)]).unwrap();
    let make = |scheme| {
        talk([0, 0, 1], |me| keygen(scheme, execution, roster(me), 2, &mut OsRng).unwrap())
    };
    let schnorr = make(sharekeep_mpc::Scheme::SchnorrBip340);
    let ecdsa = make(sharekeep_mpc::Scheme::EcdsaSecp256k1);
    let eddsa = make(sharekeep_mpc::Scheme::EddsaEd25519);
    let prepared = talk([1, 0, 1], |me| {
        let from = Preparing::Dkls23 { share: &ecdsa[usize::from(me)] };
        prepare(execution, roster(me), from, &mut OsRng).unwrap()
    });
    let digest = SigningInput::Ecdsa(Prehash::of_examined_message([7; 32]));
    talk([3, 0, 1], |me| {
        let side = usize::from(me);
        let (share, own) = (&ecdsa[side], Some(&prepared[side]));
        sign(
            sharekeep_mpc::Protocol::Dkls23,
            execution,
            roster(me),
            share,
            own,
            &digest,
            &mut OsRng,
        )
        .unwrap()
    });
    let key = SchnorrKey::Output { merkle_root: None };
    let frost = [
        (4, &eddsa, SigningInput::Eddsa(vec![7])),
        (5, &schnorr, SigningInput::Bip340 { message: vec![7], key }),
    ];
    for scheme in 0..3 {
        seed(
            "mpc_possession",
            &format!("changed-{scheme}"),
            &[&[scheme], &[0; 64][..], &[1]].concat(),
        );
        seed("mpc_possession", &format!("honest-{scheme}"), &[scheme]);
    }
    for (from, shares, what) in frost {
        talk([4, from, 2], |me| {
            let share = &shares[usize::from(me)];
            let protocol = sharekeep_mpc::Protocol::Frost;
            sign(protocol, execution, roster(me), share, None, &what, &mut OsRng).unwrap()
        });
    }
    for (name, share) in [("ecdsa", &ecdsa), ("eddsa", &eddsa), ("schnorr", &schnorr)] {
        seed("mpc_sealed", name, &share[1].to_sealed_bytes());
    }
    eddsa
}
