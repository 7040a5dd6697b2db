//! A device proves that it holds its share, to whom and for what it says, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod parties;

use rand_core::OsRng;
use sharekeep_mpc::{Fault, KeyShare, PartyIndex, PossessionBinding, PossessionProof, Scheme};

const BASE: PossessionBinding<'static> =
    PossessionBinding { wallet: b"wallet", epoch: 4, party: PartyIndex(0), nonce: &[5; 32] };

fn pair(scheme: Scheme) -> [KeyShare; 2] {
    let mut shares = parties::shares(scheme, 2, 2);
    let server = shares.pop().unwrap();
    [shares.pop().unwrap(), server]
}

#[test]
fn the_holder_of_a_share_can_prove_it_and_the_other_party_believes_it() {
    for scheme in Scheme::ALL {
        let [device, server] = pair(scheme);
        let proof = device.prove_possession(&BASE, &mut OsRng).unwrap();
        let proof = PossessionProof::from_bytes(proof.as_bytes()).unwrap();
        server.verify_possession(&BASE, &proof).unwrap();
    }
}

#[test]
fn a_proof_for_another_nonce_wallet_epoch_or_party_is_refused() {
    for scheme in Scheme::ALL {
        let mut shares = parties::shares(scheme, 2, 3);
        let (server, other, device) =
            (shares.pop().unwrap(), shares.pop().unwrap(), shares.pop().unwrap());
        let proof = device.prove_possession(&BASE, &mut OsRng).unwrap();
        server.verify_possession(&BASE, &proof).unwrap();
        let others = [
            PossessionBinding { nonce: &[6; 32], ..BASE },
            PossessionBinding { wallet: b"wallet2", ..BASE },
            PossessionBinding { wallet: b"", ..BASE },
            PossessionBinding { epoch: 3, ..BASE },
            PossessionBinding { party: PartyIndex(1), ..BASE },
            PossessionBinding { party: PartyIndex(2), ..BASE },
            PossessionBinding { party: PartyIndex(3), ..BASE },
            PossessionBinding { party: PartyIndex(u16::MAX), ..BASE },
        ];
        for binding in others {
            assert_eq!(server.verify_possession(&binding, &proof), Err(Fault::Possession));
        }
        // A party that proves its own share under another's name is not believed.
        let own = PossessionBinding { party: PartyIndex(1), ..BASE };
        assert_eq!(other.prove_possession(&BASE, &mut OsRng), Err(Fault::Possession));
        let proof = other.prove_possession(&own, &mut OsRng).unwrap();
        assert_eq!(server.verify_possession(&BASE, &proof), Err(Fault::Possession));
        server.verify_possession(&own, &proof).unwrap();
    }
}

#[test]
fn a_share_of_another_key_or_scheme_is_refused() {
    for scheme in Scheme::ALL {
        let [_, server] = pair(scheme);
        for other in Scheme::ALL {
            let [stranger, _] = pair(other);
            let proof = stranger.prove_possession(&BASE, &mut OsRng).unwrap();
            assert_eq!(server.verify_possession(&BASE, &proof), Err(Fault::Possession));
        }
    }
}

#[test]
fn a_proof_with_any_bit_changed_cut_or_lengthened_is_refused() {
    for scheme in Scheme::ALL {
        let [device, server] = pair(scheme);
        let proof = device.prove_possession(&BASE, &mut OsRng).unwrap();
        for bit in 0..proof.as_bytes().len() * 8 {
            let mut bytes = proof.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = PossessionProof::from_bytes(&bytes).unwrap();
            assert_eq!(server.verify_possession(&BASE, &changed), Err(Fault::Possession));
        }
        for length in 0..proof.as_bytes().len() {
            let cut = PossessionProof::from_bytes(&proof.as_bytes()[..length]).unwrap();
            assert_eq!(server.verify_possession(&BASE, &cut), Err(Fault::Possession));
        }
        let longer = [proof.as_bytes(), &[0, 0]].concat();
        let refused = PossessionProof::from_bytes(&longer)
            .and_then(|longer| server.verify_possession(&BASE, &longer));
        assert_eq!(refused, Err(Fault::Possession));
    }
}

#[test]
fn a_share_does_not_believe_a_proof_of_its_own_party() {
    let [device, _] = pair(Scheme::EddsaEd25519);
    let proof = device.prove_possession(&BASE, &mut OsRng).unwrap();
    assert_eq!(device.verify_possession(&BASE, &proof), Err(Fault::Possession));
}

/// SEC1 knows more than one encoding of a point: tag 5 is a compact one of the same length.
#[test]
fn a_proof_has_one_form() {
    for scheme in Scheme::ALL {
        let [device, server] = pair(scheme);
        for _ in 0..8 {
            let mut proof = device.prove_possession(&BASE, &mut OsRng).unwrap().as_bytes().to_vec();
            let honest = proof[0];
            for tag in (0..=u8::MAX).filter(|tag| *tag != honest) {
                proof[0] = tag;
                let proof = PossessionProof::from_bytes(&proof).unwrap();
                assert_eq!(server.verify_possession(&BASE, &proof), Err(Fault::Possession));
            }
        }
    }
}
