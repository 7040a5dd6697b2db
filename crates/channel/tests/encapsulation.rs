//! What anybody between client and enclave can try with a sealed request or answer.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall panic")]

use proptest::prelude::*;
use rand_core::OsRng;
use sharekeep_channel::Error;
use sharekeep_channel::encapsulation::{
    EnclaveKeyPair, EnclavePublicKey, MAX_PLAINTEXT_BYTES, MAX_SEALED_BYTES, RequestBinding,
    ResponseOpener, Sender, Suite, peek_key_id,
};
use sharekeep_channel::signature::KeyId;

const BINDING: RequestBinding<'static> = RequestBinding {
    method: "POST",
    path: "/v1/wallets",
    session: KeyId::from_bytes([1; 32]),
    idempotency_key: "r1",
};
const SUITES: [Suite; 2] = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];

fn seal(key: &EnclavePublicKey, suite: Suite, plaintext: &[u8]) -> (Vec<u8>, ResponseOpener) {
    Sender::new(key, suite, &BINDING, &mut OsRng).unwrap().seal(plaintext).unwrap()
}

#[test]
fn request_and_answer_come_through_in_both_suites() {
    let enclave = EnclaveKeyPair::generate(&mut OsRng);
    for suite in SUITES {
        let sender = Sender::new(enclave.public_key(), suite, &BINDING, &mut OsRng).unwrap();
        let pop = sender.pop().clone();
        let (sealed, opener) = sender.seal(b"request").unwrap();
        assert_eq!(peek_key_id(&sealed).unwrap(), enclave.id());
        let opened = enclave.open(&BINDING, &sealed).unwrap();
        assert_eq!(opened.plaintext.as_slice(), b"request");
        assert_eq!(opened.pop.as_bytes(), pop.as_bytes());
        let answer = opened.responder.seal(b"answer", &mut OsRng).unwrap();
        assert_eq!(opener.open(&answer).unwrap().as_slice(), b"answer");
        assert_eq!(opener.open(&answer).unwrap().as_slice(), b"answer", "a stored answer again");
    }
}

#[test]
fn a_request_posted_elsewhere_does_not_open() {
    let enclave = EnclaveKeyPair::generate(&mut OsRng);
    let (sealed, _) = seal(enclave.public_key(), Suite::default(), b"request");
    let elsewhere = [
        RequestBinding { method: "PUT", ..BINDING },
        RequestBinding { path: "/v1/wallets/w2", ..BINDING },
        RequestBinding { idempotency_key: "r2", ..BINDING },
        RequestBinding { path: "/v1/wallet", idempotency_key: "sr1", ..BINDING },
        RequestBinding { session: KeyId::from_bytes([2; 32]), ..BINDING },
    ];
    for binding in elsewhere {
        assert!(matches!(enclave.open(&binding, &sealed), Err(Error::Opening)));
    }
}

#[test]
fn a_request_to_an_old_enclave_key_is_named_as_such() {
    let (old, new) = (EnclaveKeyPair::generate(&mut OsRng), EnclaveKeyPair::generate(&mut OsRng));
    let (mut sealed, _) = seal(old.public_key(), Suite::default(), b"request");
    assert!(matches!(new.open(&BINDING, &sealed), Err(Error::WrongKey)));
    // Writing the new key's id over it does not help.
    sealed[2..34].copy_from_slice(new.id().as_bytes());
    assert!(matches!(new.open(&BINDING, &sealed), Err(Error::Opening)));
}

#[test]
fn no_changed_byte_of_a_request_passes() {
    let enclave = EnclaveKeyPair::generate(&mut OsRng);
    let (sealed, _) = seal(enclave.public_key(), Suite::default(), b"request");
    for i in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[i] ^= 1;
        // X25519 ignores the top bit, not the lowest: no flip here leaves the point as it was.
        assert!(enclave.open(&BINDING, &changed).is_err(), "byte {i}");
    }
}

#[test]
fn changing_the_suite_of_a_request_does_not_pass() {
    let enclave = EnclaveKeyPair::generate(&mut OsRng);
    let (mut sealed, _) = seal(enclave.public_key(), Suite::ChaCha20Poly1305, b"request");
    sealed[1] = 2;
    assert!(matches!(enclave.open(&BINDING, &sealed), Err(Error::Opening)));
    sealed[1] = 3;
    assert!(matches!(enclave.open(&BINDING, &sealed), Err(Error::SealedMalformed)));
}

#[test]
fn the_answer_to_another_request_does_not_open() {
    let enclave = EnclaveKeyPair::generate(&mut OsRng);
    let (one, _) = seal(enclave.public_key(), Suite::default(), b"one");
    let (_, opener_of_two) = seal(enclave.public_key(), Suite::default(), b"two");
    let opened = enclave.open(&BINDING, &one).unwrap();
    let answer = opened.responder.seal(b"answer", &mut OsRng).unwrap();
    assert!(matches!(opener_of_two.open(&answer), Err(Error::Opening)));
}

#[test]
fn no_changed_byte_of_an_answer_passes() {
    let enclave = EnclaveKeyPair::generate(&mut OsRng);
    let (sealed, opener) = seal(enclave.public_key(), Suite::default(), b"one");
    let opened = enclave.open(&BINDING, &sealed).unwrap();
    let answer = opened.responder.seal(b"answer", &mut OsRng).unwrap();
    for i in 0..answer.len() {
        let mut changed = answer.clone();
        changed[i] ^= 1;
        assert!(opener.open(&changed).is_err(), "byte {i}");
        assert!(opener.open(&answer[..i]).is_err());
    }
}

#[test]
fn keys_that_give_everyone_the_secret_are_refused() {
    assert!(EnclavePublicKey::from_bytes([0; 32]).is_err());
    let mut one = [0; 32];
    one[0] = 1;
    let small_order = EnclavePublicKey::from_bytes(one).unwrap();
    let sender = Sender::new(&small_order, Suite::default(), &BINDING, &mut OsRng);
    assert!(matches!(sender, Err(Error::PublicKeyMalformed)));
}

#[test]
fn sizes_are_bounded_and_coarse() {
    let enclave = EnclaveKeyPair::generate(&mut OsRng);
    let length = |plaintext: &[u8]| seal(enclave.public_key(), Suite::default(), plaintext).0.len();
    assert_eq!(length(b""), length(&[1; 500]));
    let largest = vec![0; MAX_PLAINTEXT_BYTES];
    assert!(length(&largest) <= MAX_SEALED_BYTES);
    let sender = Sender::new(enclave.public_key(), Suite::default(), &BINDING, &mut OsRng).unwrap();
    let over = vec![0; MAX_PLAINTEXT_BYTES + 1];
    assert!(matches!(sender.seal(&over), Err(Error::PlaintextTooLarge)));
    let over = vec![1; MAX_SEALED_BYTES + 1];
    assert!(matches!(enclave.open(&BINDING, &over), Err(Error::SealedTooLarge)));
}

#[test]
fn an_enclave_key_has_one_text_form() {
    let key = EnclaveKeyPair::generate(&mut OsRng).public_key().clone();
    assert_eq!(key.to_string().parse::<EnclavePublicKey>().unwrap(), key);
    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(serde_json::from_str::<EnclavePublicKey>(&json).unwrap(), key);
    let mut cbor = Vec::new();
    ciborium::into_writer(&key, &mut cbor).unwrap();
    assert_eq!(cbor.len(), 34);
    assert_eq!(ciborium::from_reader::<EnclavePublicKey, _>(cbor.as_slice()).unwrap(), key);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_payload_comes_through(
        plaintext: Vec<u8>, method: String, path: String, session: [u8; 32], id: String,
    ) {
        let enclave = EnclaveKeyPair::generate(&mut OsRng);
        let session = KeyId::from_bytes(session);
        let binding =
            RequestBinding { method: &method, path: &path, session, idempotency_key: &id };
        for suite in SUITES {
            let sender = Sender::new(enclave.public_key(), suite, &binding, &mut OsRng).unwrap();
            let (sealed, _) = sender.seal(&plaintext).unwrap();
            prop_assert_eq!(&*enclave.open(&binding, &sealed).unwrap().plaintext, &plaintext);
        }
    }

    #[test]
    fn garbage_ends_in_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let enclave = EnclaveKeyPair::generate(&mut OsRng);
        prop_assert!(enclave.open(&BINDING, &bytes).is_err());
        let (_, opener) = seal(enclave.public_key(), Suite::default(), b"one");
        prop_assert!(opener.open(&bytes).is_err());
    }
}
