//! What anybody between client and verifier can try with a signed request.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall panic")]

use proptest::prelude::*;
use rand_core::OsRng;
use sharekeep_channel::encapsulation::{EnclaveKeyPair, RequestBinding, Sender, Suite};
use sharekeep_channel::signature::{
    Freshness, Nonce, RequestParts, SessionAlgorithm, SessionSigningKey, SignatureHeaders,
    Verified, peek_key_id, sign, verify,
};
use sharekeep_channel::{Error, Result};
use std::time::Duration;

const NOW: u64 = 1_795_000_000;
const TTL: Duration = Duration::from_secs(60);
const PARTS: RequestParts<'static> = RequestParts {
    method: "POST",
    authority: "keys.example:8443",
    path: "/v1/wallets",
    query: None,
    body: b"sealed",
};
const ALGORITHMS: [SessionAlgorithm; 2] =
    [SessionAlgorithm::EcdsaP256Sha256, SessionAlgorithm::Ed25519];

fn key(algorithm: SessionAlgorithm) -> SessionSigningKey {
    SessionSigningKey::generate(algorithm, &mut OsRng)
}

fn signed(key: &SessionSigningKey, parts: &RequestParts<'_>) -> SignatureHeaders {
    sign(key, parts, NOW, TTL, &Nonce::generate(&mut OsRng)).unwrap()
}

fn check(
    key: &SessionSigningKey,
    parts: &RequestParts<'_>,
    headers: &SignatureHeaders,
) -> Result<Verified> {
    verify(&key.public_key(), parts, headers, NOW, &Freshness::default())
}

#[test]
fn a_signed_request_verifies_with_both_algorithms() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm);
        let nonce = Nonce::generate(&mut OsRng);
        let all = [
            PARTS,
            RequestParts { query: Some("limit=2"), ..PARTS },
            RequestParts { query: Some(""), ..PARTS },
            RequestParts { method: "GET", body: b"", ..PARTS },
        ];
        for parts in all {
            let headers = sign(&key, &parts, NOW, TTL, &nonce).unwrap();
            let verified = check(&key, &parts, &headers).unwrap();
            assert_eq!(verified.key_id, key.public_key().key_id());
            assert_eq!(verified.key_id, peek_key_id(&headers).unwrap());
            assert_eq!(verified.nonce, nonce);
            assert_eq!((verified.created_unix_s, verified.expires_unix_s), (NOW, NOW + 60));
            let wire = headers.iter().map(|(name, value)| (name, value.as_bytes()));
            assert_eq!(SignatureHeaders::collect(wire).unwrap(), headers);
        }
    }
}

#[test]
fn a_request_with_any_part_swapped_is_refused() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm);
        let headers = signed(&key, &PARTS);
        let swapped = [
            RequestParts { method: "PUT", ..PARTS },
            RequestParts { authority: "other.example", ..PARTS },
            RequestParts { path: "/v1/sessions", ..PARTS },
        ];
        for parts in swapped {
            assert!(matches!(check(&key, &parts, &headers), Err(Error::SignatureInvalid)));
        }
        let body = RequestParts { body: b"other", ..PARTS };
        assert!(matches!(check(&key, &body, &headers), Err(Error::ContentDigestMismatch)));
        let mut refitted = headers.clone();
        refitted.content_digest = signed(&key, &body).content_digest;
        assert!(matches!(check(&key, &body, &refitted), Err(Error::SignatureInvalid)));
    }
}

#[test]
fn a_signature_that_covers_less_is_refused() {
    let key = key(SessionAlgorithm::Ed25519);
    let without_body = signed(&key, &RequestParts { body: b"", ..PARTS });
    assert!(matches!(check(&key, &PARTS, &without_body), Err(Error::SignatureCoverage)));
    let without_query = signed(&key, &PARTS);
    let queried = RequestParts { query: Some("all"), ..PARTS };
    assert!(matches!(check(&key, &queried, &without_query), Err(Error::SignatureCoverage)));
    let mut without_digest = signed(&key, &PARTS);
    without_digest.content_digest = None;
    assert!(matches!(check(&key, &PARTS, &without_digest), Err(Error::SignatureCoverage)));
    let mut shorter = signed(&key, &PARTS);
    shorter.signature_input = shorter.signature_input.replace(" \"@path\"", "");
    assert!(matches!(check(&key, &PARTS, &shorter), Err(Error::SignatureCoverage)));
}

#[test]
fn stale_early_and_long_lived_signatures_are_refused() {
    let key = key(SessionAlgorithm::EcdsaP256Sha256);
    let public = key.public_key();
    let headers = signed(&key, &PARTS);
    let at = |now| verify(&public, &PARTS, &headers, now, &Freshness::default());
    assert!(at(NOW + 120).is_ok() && at(NOW - 60).is_ok());
    assert!(matches!(at(NOW + 121), Err(Error::SignatureStale)));
    assert!(matches!(at(NOW - 61), Err(Error::SignatureNotYetValid)));
    let nonce = Nonce::generate(&mut OsRng);
    let long = sign(&key, &PARTS, NOW, Duration::from_secs(301), &nonce).unwrap();
    assert!(matches!(check(&key, &PARTS, &long), Err(Error::SignatureStale)));
    let endless = sign(&key, &PARTS, NOW, Duration::MAX, &nonce);
    assert!(matches!(endless, Err(Error::SignatureMalformed)));
}

#[test]
fn another_keys_signature_is_refused() {
    for algorithm in ALGORITHMS {
        let (mine, other) = (key(algorithm), key(algorithm));
        let headers = signed(&other, &PARTS);
        assert!(matches!(check(&mine, &PARTS, &headers), Err(Error::SignatureKeyMismatch)));
        let named = |key: &SessionSigningKey| key.public_key().key_id().to_string();
        let mut renamed = headers.clone();
        renamed.signature_input = headers.signature_input.replace(&named(&other), &named(&mine));
        assert!(matches!(check(&mine, &PARTS, &renamed), Err(Error::SignatureInvalid)));
    }
}

#[test]
fn only_the_one_form_of_the_headers_is_read() {
    let key = key(SessionAlgorithm::Ed25519);
    let good = signed(&key, &PARTS);
    let input = |change: &dyn Fn(&str) -> String| SignatureHeaders {
        signature_input: change(&good.signature_input),
        ..good.clone()
    };
    let bad = [
        input(&|value| format!("{value}, {value}")),
        input(&|value| format!("{value}, sig2={}", &value[5..])),
        input(&|value| value.replace("sig1", "sig2")),
        input(&|value| value.replace("sharekeep-v1", "another-v1")),
        input(&|value| value.replace(";alg=\"ed25519\"", "")),
        input(&|value| value.replace("ed25519", "hmac-sha256")),
        input(&|value| format!("{value};extra=1")),
        input(&|value| format!(" {value}")),
        input(&|value| value.replace("created=", "created=-")),
        input(&|value| value.replace("created=1", "created=1.1")),
        input(&|value| format!("{value}{}", ";a".repeat(1000))),
        input(&|_| String::new()),
        SignatureHeaders { signature: "sig1=::".into(), ..good.clone() },
        SignatureHeaders { signature: good.signature.replace("sig1", "sig2"), ..good.clone() },
    ];
    for headers in bad {
        let refused = check(&key, &PARTS, &headers);
        assert!(matches!(refused, Err(Error::SignatureMalformed)), "{headers:?}: {refused:?}");
    }
    // An ed25519 key must not be talked into another algorithm.
    let confused = input(&|value| value.replace("ed25519", "ecdsa-p256-sha256"));
    assert!(matches!(check(&key, &PARTS, &confused), Err(Error::SignatureKeyMismatch)));
}

#[test]
fn reordered_parameters_are_read_but_their_order_is_signed() {
    // An implementation in another language may order them otherwise; the base follows the header,
    // so the order is read and the signature over another order fails only as a signature.
    let key = key(SessionAlgorithm::Ed25519);
    let good = signed(&key, &PARTS);
    let (front, tag) = good.signature_input.rsplit_once(";tag=").unwrap();
    let reordered = front.replace(";created=", &format!(";tag={tag};created="));
    let headers = SignatureHeaders { signature_input: reordered, ..good };
    assert!(matches!(check(&key, &PARTS, &headers), Err(Error::SignatureInvalid)));
}

#[test]
fn unknown_fields_beside_the_headers_are_refused() {
    let headers = signed(&key(SessionAlgorithm::Ed25519), &PARTS);
    let mut json = serde_json::to_value(&headers).unwrap();
    assert_eq!(serde_json::from_value::<SignatureHeaders>(json.clone()).unwrap(), headers);
    json["more"] = 1.into();
    assert!(serde_json::from_value::<SignatureHeaders>(json).is_err());
}

#[test]
fn a_proof_of_possession_is_worthless_in_another_request() {
    let enclave = EnclaveKeyPair::generate(&mut OsRng);
    for algorithm in ALGORITHMS {
        let key = key(algorithm);
        let binding = RequestBinding {
            method: "POST",
            path: "/v1/sessions",
            session: key.public_key().key_id(),
            idempotency_key: "r1",
        };
        let sender =
            || Sender::new(enclave.public_key(), Suite::default(), &binding, &mut OsRng).unwrap();
        let (mine, thiefs) = (sender(), sender());
        let proof = key.prove_possession(mine.pop());
        key.public_key().verify_possession(mine.pop(), &proof).unwrap();
        let refused = key.public_key().verify_possession(thiefs.pop(), &proof);
        assert!(matches!(refused, Err(Error::PossessionInvalid)));
        let json = serde_json::to_string(&proof).unwrap();
        assert_eq!(
            serde_json::from_str::<sharekeep_channel::signature::SessionProof>(&json).unwrap(),
            proof
        );
    }
}

proptest! {
    #[test]
    fn header_garbage_ends_in_an_error(input: String, signature: String, digest: Option<String>) {
        let key = SessionSigningKey::from_sealing_bytes(&[2; 33]).unwrap();
        let headers =
            SignatureHeaders { signature_input: input, signature, content_digest: digest };
        prop_assert!(check(&key, &PARTS, &headers).is_err());
    }

    #[test]
    fn every_request_that_can_be_signed_verifies(
        method in "[A-Z]{1,8}", path in "/[!-~]{0,40}", query in proptest::option::of("[!-~]{0,40}"),
        body: Vec<u8>,
    ) {
        let key = SessionSigningKey::from_sealing_bytes(&[2; 33]).unwrap();
        let parts = RequestParts {
            method: &method, authority: "keys.example", path: &path, query: query.as_deref(),
            body: &body,
        };
        let headers = signed(&key, &parts);
        prop_assert!(check(&key, &parts, &headers).is_ok());
    }

    #[test]
    fn no_changed_character_of_the_input_passes(at in 0usize..330, with in 0x20u8..0x7f) {
        let key = SessionSigningKey::from_sealing_bytes(&[2; 33]).unwrap();
        let good = signed(&key, &PARTS);
        let mut bytes = good.signature_input.clone().into_bytes();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != with);
        bytes[at] = with;
        let headers =
            SignatureHeaders { signature_input: String::from_utf8(bytes).unwrap(), ..good };
        prop_assert!(check(&key, &PARTS, &headers).is_err());
    }
}
