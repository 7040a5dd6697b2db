//! Ceremonies that are begun with what does not belong together.

use super::parties::{execution, indexes, input, roster, shares, test_preparation, transfers};
use rand_core::OsRng;
use sharekeep_mpc::{
    Fault, KeyShare, PartyIndex, Protocol, Roster, Scheme, SigningInput, keygen, sign,
};

#[test]
fn too_few_too_many_or_the_wrong_signers_are_no_quorum() {
    let shares = shares(Scheme::EddsaEd25519, 2, 3);
    let what = input(Scheme::EddsaEd25519);
    let attempt = |me: u16, quorum: &[u16], share: &KeyShare| {
        let roster = Roster::new(PartyIndex(me), &indexes(quorum))?;
        sign(Protocol::Frost, execution(3), roster, share, None, &what, &mut OsRng).map(drop)
    };
    attempt(0, &[0, 2], &shares[0]).unwrap();
    for (me, quorum, share) in [
        (0, &[0][..], &shares[0]),
        (0, &[0, 1, 2], &shares[0]),
        (0, &[0, 0], &shares[0]),
        (0, &[0, 3], &shares[0]),
        (0, &[1, 2], &shares[0]),
        (1, &[0, 1], &shares[0]),
    ] {
        assert_eq!(attempt(me, quorum, share), Err(Fault::Quorum), "{quorum:?}");
    }
    for t in [0, 1, 4] {
        let roster = roster(0, &[0, 1, 2]);
        let start = keygen(Scheme::EddsaEd25519, execution(1), roster, t, &mut OsRng);
        assert!(matches!(start, Err(Fault::Quorum)));
    }
}

#[test]
fn shares_protocols_inputs_and_preparations_must_belong_together() {
    let ours = shares(Scheme::EcdsaSecp256k1, 2, 3);
    let others = shares(Scheme::EcdsaSecp256k1, 2, 3);
    let attempt = |protocol, quorum: &[u16], preparation, what: &SigningInput| {
        let roster = roster(quorum[0], quorum);
        let share = &ours[usize::from(quorum[0])];
        sign(protocol, execution(3), roster, share, preparation, what, &mut OsRng).map(drop)
    };
    let what = input(Scheme::EcdsaSecp256k1);
    let auxiliary = test_preparation(&[0, 1], 0);
    attempt(Protocol::Cggmp24, &[0, 1], Some(&auxiliary), &what).unwrap();
    let unprepared = Err(Fault::Unprepared);
    assert_eq!(attempt(Protocol::Cggmp24, &[0, 1], None, &what), unprepared);
    assert_eq!(attempt(Protocol::Dkls23, &[0, 1], Some(&auxiliary), &what), unprepared);
    // Another seat.
    let second = test_preparation(&[0, 1], 1);
    assert_eq!(attempt(Protocol::Cggmp24, &[0, 1], Some(&second), &what), unprepared);
    // Another quorum, another wallet.
    let pair = transfers(&ours, &[0, 1]);
    attempt(Protocol::Dkls23, &[0, 1], Some(&pair[0]), &what).unwrap();
    assert_eq!(attempt(Protocol::Dkls23, &[0, 2], Some(&pair[0]), &what), unprepared);
    let foreign = transfers(&others, &[0, 1]);
    assert_eq!(attempt(Protocol::Dkls23, &[0, 1], Some(&foreign[0]), &what), unprepared);
    let mismatch = Err(Fault::SchemeMismatch);
    assert_eq!(attempt(Protocol::Frost, &[0, 1], None, &what), mismatch);
    let schnorr = input(Scheme::SchnorrBip340);
    assert_eq!(attempt(Protocol::Cggmp24, &[0, 1], Some(&auxiliary), &schnorr), mismatch);
}
