//! What is refused, by name: each an attack or an ambiguity.

#![allow(clippy::unwrap_used)]

mod bitcoin_spends;
#[path = "../given/mod.rs"]
mod given;

use bitcoin::consensus::serialize;
use given::{key_of, network, own_script, sec1, spending, xonly};
use sharekeep_messages::{Decoded, MAX_MESSAGE_BYTES, MessageError, Scheme, SignRequest};

const TAPROOT: Scheme = Scheme::SchnorrBip340;
const ECDSA: Scheme = Scheme::EcdsaSecp256k1;

fn ethereum(unsigned: &str) -> Result<Decoded, MessageError> {
    let unsigned = hex::decode(unsigned).unwrap().into();
    SignRequest::EthereumTransaction { unsigned }.decode(ECDSA, &sec1())
}

/// The EIP-155 example: nonce 9, 20 gwei, 21000 gas, 1 ether, chain 1.
const LEGACY: &str =
    "ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080";

#[test]
fn a_legacy_transaction_without_a_chain_id_is_refused() {
    let without = LEGACY.replacen("ec", "e9", 1).strip_suffix("018080").unwrap().to_owned();
    assert_eq!(ethereum(&without), Err(MessageError::MissingChainId));
    let zero = LEGACY.replace("80018080", "80808080");
    assert_eq!(ethereum(&zero), Err(MessageError::MissingChainId));
}

#[test]
fn trailing_bytes_and_non_canonical_rlp_are_refused() {
    let malformed = |detail| Err(MessageError::EthereumTransaction(detail));
    assert_eq!(ethereum(""), malformed("empty"));
    assert_eq!(ethereum(&format!("{LEGACY}00")), malformed("trailing bytes"));
    assert_eq!(ethereum(&LEGACY[..LEGACY.len() - 2]), malformed("not canonical rlp"));
    // Nonce 9 as 0x8109, as 0x820009, and the list's length in long form.
    assert_eq!(ethereum(&LEGACY.replacen("ec09", "ed8109", 1)), malformed("not canonical rlp"));
    assert_eq!(ethereum(&LEGACY.replacen("ec09", "ee820009", 1)), malformed("not canonical rlp"));
    assert_eq!(ethereum(&LEGACY.replacen("ec", "f82c", 1)), malformed("not canonical rlp"));
    // A recipient of 19 bytes.
    let short = LEGACY.replacen("ec", "eb", 1).replacen("943535", "9335", 1);
    assert_eq!(ethereum(&short), malformed("recipient is not an address"));
}

#[test]
fn blob_set_code_and_unknown_transaction_types_are_refused() {
    for (bytes, typed) in [("03c0", 3), ("04c0", 4), ("00c0", 0), ("7fc0", 0x7f)] {
        assert_eq!(ethereum(bytes), Err(MessageError::EthereumTransactionType(typed)));
    }
}

#[test]
fn a_tip_above_the_maximum_fee_is_refused() {
    // chain 1, nonce 0, tip 2, max 1, gas 21000, to, value 0, data, access list
    let to = format!("94{}", "35".repeat(20));
    let fields = format!("01800201825208{to}8080c0");
    let unsigned = format!("02{:02x}{fields}", 0xc0 + fields.len() / 2);
    assert_eq!(
        ethereum(&unsigned),
        Err(MessageError::EthereumTransaction("priority fee above the maximum fee"))
    );
}

#[test]
fn amount_and_fee_that_overflow_are_refused() {
    let to = format!("94{}", "35".repeat(20));
    let fields = format!("01808001825208{to}a0{}80c0", "ff".repeat(32));
    let unsigned = format!("02f8{:02x}{fields}", fields.len() / 2);
    assert_eq!(ethereum(&unsigned), Err(MessageError::AmountOutOfRange));
}

fn typed(json: &str) -> Result<Decoded, MessageError> {
    SignRequest::EthereumTypedData { json: json.into(), chain_id: 1 }.decode(ECDSA, &sec1())
}

const TYPED: &str = r#"{"types":{"EIP712Domain":[{"name":"chainId","type":"uint256"}],
"T":[{"name":"n","type":"uint8"},{"name":"a","type":"address"}]},"primaryType":"T",
"domain":{"chainId":1},"message":{"n":1,"a":"0x0000000000000000000000000000000000000001"}}"#;

#[test]
fn typed_data_without_a_chain_or_for_another_one_is_refused() {
    typed(TYPED).unwrap();
    let other = TYPED.replace(r#""chainId":1"#, r#""chainId":"0x2""#);
    assert_eq!(typed(&other), Err(MessageError::ChainIdMismatch { named: 1, found: 2 }));
    let zero = TYPED.replace(r#""chainId":1"#, r#""chainId":0"#);
    assert_eq!(typed(&zero), Err(MessageError::MissingChainId));
    let none = TYPED
        .replace(r#"{"name":"chainId","type":"uint256"}"#, r#"{"name":"name","type":"string"}"#)
        .replace(r#""chainId":1"#, r#""name":"x""#);
    assert_eq!(typed(&none), Err(MessageError::MissingChainId));
}

#[test]
fn typed_data_that_implementations_read_differently_is_refused() {
    for (from, to, detail) in [
        (r#""n":1"#, r#""n":1,"n":2"#, "duplicate key"),
        (r#""n":1"#, r#""n":1,"m":2"#, "fields do not fit the type"),
        (r#""n":1,"#, "", "fields do not fit the type"),
        (r#""n":1"#, r#""n":null"#, "not a number of the type's range"),
        (r#""n":1"#, r#""n":256"#, "not a number of the type's range"),
        (r#""n":1"#, r#""n":"-1""#, "not a number of the type's range"),
        (r#""n":1"#, r#""n":"01""#, "not a number of the type's range"),
        (r#""n":1"#, r#""n":"""#, "not a number of the type's range"),
        (r#""n":1"#, r#""n":true"#, "not a number of the type's range"),
        (r#""n":1"#, r#""n":1.0"#, "a fraction or a number over 64 bits: write it as a string"),
        (
            r#""n":1"#,
            r#""n":36893488147419103232"#,
            "a fraction or a number over 64 bits: write it as a string",
        ),
        // One letter's case changed in an EIP-55 checksum.
        (
            "0x0000000000000000000000000000000000000001",
            "0xcD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826",
            "an address with a wrong checksum",
        ),
        ("0x0000000000000000000000000000000000000001", "0x01", "not an address"),
        (r#""type":"uint8""#, r#""type":"uint""#, "not a type"),
        (r#""type":"uint8""#, r#""type":"uint08""#, "not a type"),
        (r#""type":"uint8""#, r#""type":"uint7""#, "not a type"),
        (r#""type":"uint8""#, r#""type":"bytes33""#, "not a type"),
        (r#""type":"uint8""#, r#""type":"function""#, "not a type"),
        (r#""type":"uint8""#, r#""type":"uint8[0]""#, "not a type"),
        (r#""type":"uint8""#, r#""type":"uint8[][][][][]""#, "not a type"),
        (r#""type":"uint8""#, r#""type":"uint8 x,uint8""#, "not a type"),
        (r#""type":"uint8""#, r#""type":"Missing""#, "a type is not defined"),
        (r#""type":"uint8""#, r#""type":"T[]""#, "types are recursive or nested too deep"),
        (r#""name":"n""#, r#""name":"a""#, "a field's name is malformed or used twice"),
        (r#""name":"n""#, r#""name":"n,uint8 m""#, "a field's name is malformed or used twice"),
        (r#""T":["#, r#""uint256":[],"T":["#, "not a name for a struct type"),
        (r#""T":["#, r#""E":[],"T":["#, "a struct type without fields"),
        (r#""primaryType":"T""#, r#""primaryType":"U""#, "primaryType is not one of the types"),
        (
            r#""primaryType":"T""#,
            r#""primaryType":"EIP712Domain""#,
            "primaryType is not one of the types",
        ),
        (r#""chainId":1"#, r#""chainId":1,"name":"x""#, "EIP712Domain does not fit the domain"),
        (r#""chainId":1"#, r#""chainId":1,"url":"x""#, "unknown field in the domain"),
        (r#""domain""#, r#""extra":1,"domain""#, "unknown field"),
        (r#"{"types""#, r#"[{"types""#, "not strict json"),
    ] {
        let changed = TYPED.replacen(from, to, 1);
        assert_ne!(changed, TYPED, "{from}");
        assert_eq!(typed(&changed), Err(MessageError::TypedData(detail)), "{to}");
    }
    assert_eq!(typed(&format!("{TYPED}1")), Err(MessageError::TypedData("not strict json")));
}

#[test]
fn typed_data_that_is_deep_or_large_is_refused_before_it_costs_anything() {
    let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(4));
    assert_eq!(typed(&deep), Err(MessageError::TypedData("nested too deep")));
    let wide = format!("[{}1]", "1,".repeat(20_000));
    assert_eq!(typed(&wide), Err(MessageError::TypedData("too many values")));
    let long = TYPED.replace(r#""types""#, &format!("{}\"types\"", " ".repeat(70_000)));
    assert!(matches!(typed(&long), Err(MessageError::TooLarge { .. })));
    let many = TYPED
        .replace(r#""type":"uint8""#, r#""type":"uint8[]""#)
        .replace(r#""n":1"#, &format!(r#""n":[{}1]"#, "1,".repeat(2000)));
    assert!(matches!(typed(&many), Err(MessageError::TooLarge { .. })));
}

#[test]
fn a_message_over_the_limit_is_refused_whatever_its_kind() {
    let request = SignRequest::Raw { bytes: vec![0; MAX_MESSAGE_BYTES + 1].into() };
    assert!(matches!(request.decode(ECDSA, &sec1()), Err(MessageError::TooLarge { .. })));
    let text = "x".repeat(MAX_MESSAGE_BYTES + 1);
    let request = SignRequest::EthereumText { text };
    assert!(matches!(request.decode(ECDSA, &sec1()), Err(MessageError::TooLarge { .. })));
}

#[test]
fn kinds_are_signed_only_with_keys_of_their_scheme() {
    let text = SignRequest::EthereumText { text: "x".into() };
    let solana = SignRequest::SolanaMessage { message: vec![1].into() };
    let psbt = SignRequest::BitcoinPsbt { psbt: vec![1].into(), input: 0, network: network() };
    for (request, scheme) in [
        (&text, TAPROOT),
        (&text, Scheme::EddsaEd25519),
        (&solana, ECDSA),
        (&solana, TAPROOT),
        (&psbt, Scheme::EddsaEd25519),
    ] {
        let error = request.decode(scheme, &xonly()).unwrap_err();
        assert_eq!(error, MessageError::KindUnfitForScheme { kind: request.kind(), scheme });
    }
}

#[test]
fn raw_bytes_that_are_a_transaction_are_refused_and_others_are_not() {
    let script = own_script(TAPROOT);
    let transaction = serialize(&spending(2, &script));
    for scheme in Scheme::ALL {
        let key = match scheme {
            Scheme::EddsaEd25519 => {
                hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
                    .unwrap()
            }
            _ => key_of(scheme),
        };
        let raw = |bytes: &[u8]| SignRequest::Raw { bytes: bytes.into() }.decode(scheme, &key);
        assert_eq!(raw(&transaction), Err(MessageError::RawIsTransaction("a bitcoin transaction")));
        assert_eq!(raw(b"psbt\xff"), Err(MessageError::RawIsTransaction("a psbt")));
        let legacy_without_chain = &hex::decode(LEGACY.replacen("ec", "e9", 1)).unwrap();
        assert_eq!(
            raw(&legacy_without_chain[..legacy_without_chain.len() - 3]),
            Err(MessageError::RawIsTransaction("an ethereum transaction"))
        );
        for harmless in [&b""[..], b"hello", &[0; 32], &[0xff; 300], b"\x19\x01hello"] {
            raw(harmless).unwrap();
        }
    }
}
