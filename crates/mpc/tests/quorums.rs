//! Every quorum of every wallet shape signs, and the signatures verify with libraries that did not
//! make them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod parties;

use parties::{converse, execution, input, roster, run, shares, signers, test_primes};
use rand_core::OsRng;
use sharekeep_mpc::{
    Fault, KeyShare, Preparation, Preparing, Protocol, Scheme, SchnorrKey, Signed, SigningInput,
    keygen, prepare, sign,
};

/// All subsets of `t` of 0..n, in ascending order.
fn quorums(t: u16, n: u16) -> Vec<Vec<u16>> {
    (0u32..1 << n)
        .filter(|bits| bits.count_ones() == u32::from(t))
        .map(|bits| (0..n).filter(|index| bits >> index & 1 == 1).collect())
        .collect()
}

fn every_quorum_signs(scheme: Scheme, protocol: Protocol, t: u16, n: u16) {
    let shares = shares(scheme, t, n);
    let key = shares[0].public_key();
    assert!(shares.iter().all(|share| share.public_key() == key));
    let what = input(scheme);
    for mut quorum in quorums(t, n) {
        // The order of the seats is the quorum's own affair.
        quorum.rotate_left(usize::from(n - t) % 2);
        let signed = run(signers(protocol, &shares, &quorum, &what)).unwrap();
        let Signed::Signature(signature) = &signed[0] else { panic!("seat 0 has the signature") };
        signature.verify(&key, &what).unwrap();
        let contributed = signed.iter().filter(|one| **one == Signed::Contributed).count();
        let expected = if protocol == Protocol::Frost { quorum.len() - 1 } else { 0 };
        assert_eq!(contributed, expected);
    }
}

macro_rules! quorum_tests {
    ($($name:ident: $scheme:ident $protocol:ident $t:literal $n:literal;)*) => {$(
        #[test]
        fn $name() {
            every_quorum_signs(Scheme::$scheme, Protocol::$protocol, $t, $n);
        }
    )*};
}

quorum_tests! {
    cggmp24_signs_with_every_quorum_of_2_of_2: EcdsaSecp256k1 Cggmp24 2 2;
    cggmp24_signs_with_every_quorum_of_2_of_3: EcdsaSecp256k1 Cggmp24 2 3;
    cggmp24_signs_with_every_quorum_of_3_of_5: EcdsaSecp256k1 Cggmp24 3 5;
    dkls23_signs_with_every_quorum_of_2_of_2: EcdsaSecp256k1 Dkls23 2 2;
    dkls23_signs_with_every_quorum_of_2_of_3: EcdsaSecp256k1 Dkls23 2 3;
    dkls23_signs_with_every_quorum_of_3_of_5: EcdsaSecp256k1 Dkls23 3 5;
    frost_signs_ed25519_with_every_quorum_of_2_of_2: EddsaEd25519 Frost 2 2;
    frost_signs_ed25519_with_every_quorum_of_2_of_3: EddsaEd25519 Frost 2 3;
    frost_signs_ed25519_with_every_quorum_of_3_of_5: EddsaEd25519 Frost 3 5;
    frost_signs_bip340_with_every_quorum_of_2_of_2: SchnorrBip340 Frost 2 2;
    frost_signs_bip340_with_every_quorum_of_2_of_3: SchnorrBip340 Frost 2 3;
    frost_signs_bip340_with_every_quorum_of_3_of_5: SchnorrBip340 Frost 3 5;
}

/// Device and server make a wallet and sign, as they would in production; the round trips are
/// those of the design.
fn two_parties(scheme: Scheme, protocol: Protocol, sign_posts: usize) {
    let both = [0, 1];
    let start = |me| keygen(scheme, execution(1), roster(me, &both), 2, &mut OsRng).unwrap();
    let (device, server, posts) = converse(start(0), start(1));
    assert_eq!(posts, 2, "key generation");

    let start = |me: u16, share: &KeyShare| {
        let from = match protocol {
            Protocol::Cggmp24 => Preparing::Cggmp24 { primes: test_primes(usize::from(me)) },
            Protocol::Dkls23 => Preparing::Dkls23 { share },
            Protocol::Frost => return None,
        };
        Some(prepare(execution(2), roster(me, &both), from, &mut OsRng).unwrap())
    };
    let prepared = start(0, &device).zip(start(1, &server)).map(|(client, server)| {
        let (device, server, posts) = converse(client, server);
        assert_eq!(posts, 2, "preparation");
        (device, server)
    });
    // Through storage and back, as every real wallet goes.
    let reopen = |share: &KeyShare| KeyShare::from_sealed_bytes(&share.to_sealed_bytes()).unwrap();
    let (device, server) = (reopen(&device), reopen(&server));
    let reopen = |prepared: &Preparation| {
        Preparation::from_sealed_bytes(protocol, &prepared.to_sealed_bytes()).unwrap()
    };
    let (a, b) = prepared.map(|(a, b)| (reopen(&a), reopen(&b))).unzip();

    let what = input(scheme);
    let start = |me, share, prepared: Option<&Preparation>| {
        let roster = roster(me, &both);
        sign(protocol, execution(3), roster, share, prepared, &what, &mut OsRng).unwrap()
    };
    let (mine, _, posts) = converse(start(0, &device, a.as_ref()), start(1, &server, b.as_ref()));
    assert_eq!(posts, sign_posts, "signature");
    let Signed::Signature(signature) = mine else { panic!("the client has the signature") };
    signature.verify(&server.public_key(), &what).unwrap();
}

#[test]
fn a_device_and_a_server_make_and_use_a_cggmp24_wallet_in_2_2_3_posts() {
    two_parties(Scheme::EcdsaSecp256k1, Protocol::Cggmp24, 3);
}

#[test]
fn a_device_and_a_server_make_and_use_a_dkls23_wallet_in_2_2_2_posts() {
    two_parties(Scheme::EcdsaSecp256k1, Protocol::Dkls23, 2);
}

#[test]
fn a_device_and_a_server_make_and_use_frost_wallets_in_2_1_posts() {
    two_parties(Scheme::EddsaEd25519, Protocol::Frost, 1);
    two_parties(Scheme::SchnorrBip340, Protocol::Frost, 1);
}

#[test]
fn taproot_signatures_verify_under_the_output_key_whatever_the_keys_parity() {
    let (mut even, mut odd) = (false, false);
    while !(even && odd) {
        let shares = shares(Scheme::SchnorrBip340, 2, 2);
        let key = shares[0].public_key();
        if key.as_bytes()[0] == 2 {
            even = true
        } else {
            odd = true
        }
        for which in [
            SchnorrKey::Internal,
            SchnorrKey::Output { merkle_root: None },
            SchnorrKey::Output { merkle_root: Some([7; 32]) },
        ] {
            let what = SigningInput::Bip340 { message: vec![3; 32], key: which };
            let signed = run(signers(Protocol::Frost, &shares, &[0, 1], &what)).unwrap();
            let Signed::Signature(signature) = &signed[0] else { panic!() };
            signature.verify(&key, &what).unwrap();
            // And not under any of the other keys.
            for other in [SchnorrKey::Internal, SchnorrKey::Output { merkle_root: None }] {
                if other != which {
                    let what = SigningInput::Bip340 { message: vec![3; 32], key: other };
                    assert_eq!(signature.verify(&key, &what), Err(Fault::BadSignature));
                }
            }
        }
    }
}

#[test]
fn shares_of_a_child_key_sign_for_the_child() {
    for (scheme, protocol) in [
        (Scheme::EcdsaSecp256k1, Protocol::Dkls23),
        (Scheme::EddsaEd25519, Protocol::Frost),
        (Scheme::SchnorrBip340, Protocol::Frost),
    ] {
        let parents = shares(scheme, 2, 3);
        let child = |share: &KeyShare| share.child(&[0, 7]).unwrap();
        let children: Vec<_> = parents.iter().map(child).collect();
        let key = children[0].public_key();
        assert_ne!(key, parents[0].public_key());
        let what = input(scheme);
        let signed = run(signers(protocol, &children, &[0, 2], &what)).unwrap();
        let Signed::Signature(signature) = &signed[0] else { panic!() };
        signature.verify(&key, &what).unwrap();
        assert!(matches!(parents[0].child(&[1 << 31]), Err(Fault::Path)));
    }
}
