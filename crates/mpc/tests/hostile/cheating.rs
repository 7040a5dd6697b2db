//! Well-formed messages whose proofs or values are false.

use super::parties::{input, shares, signers};
use super::{SERVER, alter, integer, keygen_pair, set};
use ciborium::Value;
use sharekeep_mpc::{Ceremony, Fault, Phase, Protocol, Scheme, Signed};

/// The client's fault when the server's messages of one round are altered; `None` if there is none.
fn cheated<O>(
    mut client: Ceremony<O>,
    mut server: Ceremony<O>,
    round: u16,
    alter: impl Fn(&mut Vec<u8>),
) -> Option<Fault> {
    let mut up = client.step(vec![]).unwrap();
    while !up.is_empty() {
        let mut down = server.step(up).unwrap();
        down.iter_mut().filter(|m| m.round == round).for_each(|m| alter(&mut m.body));
        up = match client.step(down) {
            Ok(up) => up,
            Err(fault) => {
                assert_eq!(client.phase(), Phase::Failed);
                assert!(client.take_output().is_none());
                return Some(fault);
            }
        };
    }
    None
}

fn signing_pair(scheme: Scheme, protocol: Protocol) -> [Ceremony<Signed>; 2] {
    let shares = shares(scheme, 2, 2);
    signers(protocol, &shares, &[0, 1], &input(scheme)).try_into().ok().unwrap()
}

/// Changes the last byte of the last byte string: still a scalar, another one.
fn nudge(body: &mut [u8]) {
    let at = body.len() - 1;
    body[at] ^= 1;
}

#[test]
fn a_false_proof_of_a_share_is_cheating() {
    let [client, server] = keygen_pair();
    // Little-endian scalars: the first byte of 32 keeps it in range.
    let fault = cheated(client, server, 4, |body| {
        let at = body.len() - 32;
        body[at] ^= 1;
    });
    assert_eq!(fault, Some(Fault::Cheating { party: SERVER }));
}

#[test]
fn an_opening_that_does_not_match_its_commitment_is_cheating() {
    let [client, server] = keygen_pair();
    let fault = cheated(client, server, 2, |body| {
        let decommitment = Value::from("00".repeat(32));
        set(body, "decommit", &decommitment);
    });
    assert_eq!(fault, Some(Fault::Cheating { party: SERVER }));
}

#[test]
fn a_false_frost_share_is_cheating() {
    let [client, server] = signing_pair(Scheme::SchnorrBip340, Protocol::Frost);
    assert_eq!(
        cheated(client, server, 2, |body| nudge(body)),
        Some(Fault::Cheating { party: SERVER })
    );
}

#[test]
fn a_failed_ot_check_is_cheating() {
    let [client, server] = signing_pair(Scheme::EcdsaSecp256k1, Protocol::Dkls23);
    let fault = cheated(client, server, 1, |body| {
        alter(body, &mut |value| {
            if let Value::Map(fields) = value {
                for (key, value) in fields {
                    if key.as_text() == Some("verify_x")
                        && let Value::Array(bytes) = value
                    {
                        bytes[0] = Value::from(if bytes[0] == Value::from(7) { 8 } else { 7 });
                    }
                }
            }
        });
    });
    assert_eq!(fault, Some(Fault::Cheating { party: SERVER }));
}

#[test]
fn a_false_dkls23_signature_share_is_cheating() {
    let [client, server] = signing_pair(Scheme::EcdsaSecp256k1, Protocol::Dkls23);
    assert_eq!(
        cheated(client, server, 3, |body| nudge(body)),
        Some(Fault::Cheating { party: SERVER })
    );
}

#[test]
fn a_false_cggmp24_product_is_cheating() {
    let [client, server] = signing_pair(Scheme::EcdsaSecp256k1, Protocol::Cggmp24);
    let fault = cheated(client, server, 3, |body| {
        set(body, "hat_D", &integer("123456789abcdef", 16));
    });
    assert_eq!(fault, Some(Fault::Cheating { party: SERVER }));
}

#[test]
fn a_huge_ciphertext_is_refused_before_any_arithmetic() {
    let [client, server] = signing_pair(Scheme::EcdsaSecp256k1, Protocol::Cggmp24);
    let fault = cheated(client, server, 3, |body| {
        set(body, "D", &integer(&"f".repeat(1_700), 16));
    });
    assert_eq!(fault, Some(Fault::Malformed { party: SERVER, round: 3 }));
}
