//! The request on the wire: CBOR between programs, JSON for people.

#![allow(clippy::unwrap_used)]

mod given;

use given::{bare, own_script, spending};
use sharekeep_messages::{Bytes, MAX_MESSAGE_BYTES, MessageKind, Scheme, SignRequest};

fn cbor(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn requests() -> Vec<SignRequest> {
    let script = own_script(Scheme::SchnorrBip340);
    let long: Bytes = vec![7; MAX_MESSAGE_BYTES].into();
    vec![
        SignRequest::EthereumTransaction { unsigned: long.clone() },
        SignRequest::EthereumText { text: "x".repeat(10_000) },
        SignRequest::EthereumTypedData { json: "{}".into(), chain_id: u64::MAX },
        SignRequest::BitcoinPsbt { psbt: long.clone(), input: 1, network: given::network() },
        bare(&spending(3, &script), &script, 2),
        SignRequest::SolanaMessage { message: Bytes::default() },
        SignRequest::Raw { bytes: long },
    ]
}

#[test]
fn requests_come_back_from_cbor_and_json_as_they_were() {
    for request in requests() {
        let back: SignRequest = ciborium::from_reader(&cbor(&request)[..]).unwrap();
        assert_eq!(back, request);
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<SignRequest>(&json).unwrap(), request);
        assert!(json.starts_with(&format!("{{\"{}\":", request.kind())));
    }
}

#[test]
fn the_encoding_of_a_request_stays_what_it_is() {
    // CBOR by hand (RFC 8949): {"raw": {"bytes": h'01ff'}}.
    let request = SignRequest::Raw { bytes: vec![0x01, 0xff].into() };
    assert_eq!(hex::encode(cbor(&request)), "a163726177a16562797465734201ff");
    assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"raw":{"bytes":"01ff"}}"#);
    let prefixed: SignRequest = serde_json::from_str(r#"{"raw":{"bytes":"0x01FF"}}"#).unwrap();
    assert_eq!(prefixed, request);
}

#[test]
fn unknown_kinds_fields_and_odd_hex_are_refused() {
    for json in [
        r#"{"hash":{"bytes":"00"}}"#,
        r#"{"raw":{"bytes":"00","more":1}}"#,
        r#"{"raw":{"bytes":"0"}}"#,
        r#"{"raw":{"bytes":"0x0x00"}}"#,
        r#"{"raw":{}}"#,
        r#"{"raw":{"bytes":"00","bytes":"01"}}"#,
        r#"{"raw":{"bytes":"00"},"ethereum-text":{"text":""}}"#,
        r#"{"bitcoin-psbt":{"psbt":"00","input":-1,"network":"bitcoin"}}"#,
        r#"{"bitcoin-psbt":{"psbt":"00","input":0,"network":"litecoin"}}"#,
    ] {
        assert!(serde_json::from_str::<SignRequest>(json).is_err(), "{json}");
    }
}

#[test]
fn bytes_over_the_limit_are_refused_while_decoding() {
    let request = SignRequest::Raw { bytes: vec![0; MAX_MESSAGE_BYTES + 1].into() };
    assert!(ciborium::from_reader::<SignRequest, _>(&cbor(&request)[..]).is_err());
    let json = serde_json::to_string(&request).unwrap();
    assert!(serde_json::from_str::<SignRequest>(&json).is_err());
}

#[test]
fn names_of_kinds_are_read_back() {
    for request in requests() {
        let kind: MessageKind = serde_json::from_str(&format!("\"{}\"", request.kind())).unwrap();
        assert_eq!(kind, request.kind());
    }
}

#[test]
fn a_request_in_a_log_does_not_show_what_was_signed() {
    let requests = [
        SignRequest::Raw { bytes: b"secret"[..].into() },
        SignRequest::EthereumText { text: "secret".into() },
    ];
    for request in requests {
        assert_eq!(format!("{request:?}"), format!("SignRequest({})", request.kind()));
        let decoded = request.decode(Scheme::EcdsaSecp256k1, &given::sec1()).unwrap();
        assert!(decoded.description.to_string().contains("secret"));
        assert!(!format!("{decoded:?}").contains("secret"));
    }
}
