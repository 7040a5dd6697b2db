//! Published vectors, against the verification that every finished signature goes through.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use sha2::{Digest, Sha256};
use sharekeep_mpc::{
    Fault, Prehash, PublicKey, SchnorrKey, Signature, SigningInput, taproot_output_key,
};

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// The compressed form of an x-only key.
fn lifted(x: [u8; 32]) -> PublicKey {
    let mut key = [2; 33];
    key[1..].copy_from_slice(&x);
    PublicKey::Secp256k1(key)
}

/// Source: bitcoin/bips, bip-0340/test-vectors.csv.
#[test]
fn all_nineteen_bip340_vectors_are_judged_as_published() {
    let mut judged = 0;
    for line in include_str!("fixtures/bip-0340-test-vectors.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let key = lifted(bytes(fields[2]));
        let message = hex::decode(fields[4]).unwrap();
        let what = SigningInput::Bip340 { message, key: SchnorrKey::Internal };
        let result = Signature::Bip340(bytes(fields[5])).verify(&key, &what);
        let expected = if fields[6] == "TRUE" { Ok(()) } else { Err(Fault::BadSignature) };
        assert_eq!(result, expected, "vector {}: {}", fields[0], fields[7]);
        judged += 1;
    }
    assert_eq!(judged, 19);
}

/// Source: RFC 8032 §7.1, TEST 1 to 3.
#[test]
fn rfc_8032_signatures_verify_and_altered_ones_do_not() {
    for (key, message, signature) in [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let key = PublicKey::Ed25519(bytes(key));
        let mut message = hex::decode(message).unwrap();
        let signature = Signature::Eddsa(bytes(signature));
        signature.verify(&key, &SigningInput::Eddsa(message.clone())).unwrap();
        message.push(0);
        let altered = signature.verify(&key, &SigningInput::Eddsa(message));
        assert_eq!(altered, Err(Fault::BadSignature));
    }
}

/// Source: RustCrypto k256 0.13, recovery vectors (RFC 6979 over SHA-256 of "example message").
#[test]
fn ecdsa_signatures_verify_only_with_low_s_and_the_right_recovery_id() {
    for (key, rs, id) in [
        (
            "021a7a569e91dbf60581509c7fc946d1003b60c7dee85299538db6353538d59574",
            "ce53abb3721bafc561408ce8ff99c909f7f0b18a2f788649d6470162ab1aa0323971edc523a6d6453f3fb6128d318d9db1a5ff3386feb1047d9816e780039d52",
            0,
        ),
        (
            "036d6caac248af96f6afa7f904f550253a0f3ef3f5aa2fe6838a95b216691468e2",
            "46c05b6368a44b8810d79859441d819b8e7cdc8bfd371e35c53196f4bcacdb5135c7facce2a97b95eacba8a586d87b7958aaf8368ab29cee481f76e871dbd9cb",
            1,
        ),
    ] {
        let key = PublicKey::Secp256k1(bytes(key));
        let digest = Prehash::of_examined_message(Sha256::digest(b"example message").into());
        let what = SigningInput::Ecdsa(digest);
        let rs: [u8; 64] = bytes(rs);
        let (r, s): ([u8; 32], [u8; 32]) =
            (rs[..32].try_into().unwrap(), rs[32..].try_into().unwrap());
        let with = |s, recovery_id| Signature::Ecdsa { r, s, recovery_id }.verify(&key, &what);
        with(s, id).unwrap();
        assert_eq!(with(s, 1 - id), Err(Fault::BadSignature));
        assert_eq!(with(s, id + 2), Err(Fault::BadSignature));
        // The same signature with n − s is as valid mathematically, and not accepted.
        let high: k256::Scalar = -k256::elliptic_curve::ScalarPrimitive::from_slice(&s)
            .map(|s: k256::elliptic_curve::ScalarPrimitive<k256::Secp256k1>| k256::Scalar::from(s))
            .unwrap();
        assert_eq!(with(high.to_bytes().into(), 1 - id), Err(Fault::BadSignature));
    }
}

/// Sources: BIP-341 wallet-test-vectors.json (first scriptPubKey), BIP-86 (first receiving address).
#[test]
fn output_keys_are_those_of_bip_341_and_bip_86() {
    for (internal, output) in [
        (
            "d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d",
            "53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343",
        ),
        (
            "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
            "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
        ),
    ] {
        assert_eq!(taproot_output_key(&lifted(bytes(internal))), Some(bytes(output)));
    }
    assert_eq!(taproot_output_key(&PublicKey::Ed25519([1; 32])), None);
}
