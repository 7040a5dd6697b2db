//! Every published or independently made vector: decoded, hashed, verified, assembled.

#![allow(clippy::unwrap_used)]

mod given;

use given::{bytes, hex32, network, text, vectors};
use sharekeep_messages::{
    Bytes, Decoded, Encoding, MessageError, Scheme, SignRequest, SignatureParts, TaprootTweak,
    ToSign,
};

fn ecdsa(r: [u8; 32], s: [u8; 32], recovery_id: u8) -> SignatureParts {
    SignatureParts::Ecdsa { r, s, recovery_id }
}

#[test]
fn ethereum_transactions_hash_and_assemble_as_published() {
    let vectors = vectors("ethereum_transactions.json");
    for vector in vectors["transactions"].as_array().unwrap() {
        let name = text(vector, "name");
        let key = bytes(vector, "public_key");
        let unsigned: Bytes = bytes(vector, "unsigned").into();
        let request = SignRequest::EthereumTransaction { unsigned };
        let decoded = request.decode(Scheme::EcdsaSecp256k1, &key).unwrap();
        assert_eq!(hex::encode(decoded.to_sign.bytes()), text(vector, "hash"), "{name}");
        assert_eq!(decoded.description.get("from"), Some(text(vector, "address")), "{name}");

        let v = vector["v"].as_u64().unwrap();
        let recovery_id = if v > 1 { ((v - 35) % 2) as u8 } else { v as u8 };
        let signature = ecdsa(hex32(vector, "r"), hex32(vector, "s"), recovery_id);
        let output = request.assemble(Scheme::EcdsaSecp256k1, &key, &signature).unwrap();
        assert_eq!(hex::encode(&output.bytes), text(vector, "signed"), "{name}");
        assert_eq!(output.id.unwrap(), format!("0x{}", text(vector, "id")), "{name}");
        assert_eq!(output.encoding, Encoding::EthereumTransaction);
        assert_eq!(output.signatures_missing, 0);

        // Signed already, it is neither signed again nor taken for raw bytes.
        let signed: Bytes = output.bytes.into();
        for (request, error) in [
            (
                SignRequest::EthereumTransaction { unsigned: signed.clone() },
                MessageError::AlreadySigned,
            ),
            (
                SignRequest::Raw { bytes: signed },
                MessageError::RawIsTransaction("an ethereum transaction"),
            ),
            (
                SignRequest::Raw { bytes: bytes(vector, "unsigned").into() },
                MessageError::RawIsTransaction("an ethereum transaction"),
            ),
        ] {
            assert_eq!(request.decode(Scheme::EcdsaSecp256k1, &key), Err(error), "{name}");
        }
    }
}

#[test]
fn ethereum_texts_and_typed_data_hash_as_another_implementation_says() {
    let texts = vectors("ethereum_texts.json");
    let typed = vectors("ethereum_typed_data.json");
    let text_requests =
        texts["texts"].as_array().unwrap().iter().map(|vector| {
            (SignRequest::EthereumText { text: text(vector, "text").into() }, vector)
        });
    let typed_requests = typed["typed_data"].as_array().unwrap().iter().map(|vector| {
        let json = text(vector, "json").into();
        let chain_id = vector["chain_id"].as_u64().unwrap();
        (SignRequest::EthereumTypedData { json, chain_id }, vector)
    });
    let key = bytes(&texts, "public_key");
    for (request, vector) in text_requests.chain(typed_requests) {
        let decoded = request.decode(Scheme::EcdsaSecp256k1, &key).unwrap();
        assert_eq!(hex::encode(decoded.to_sign.bytes()), text(vector, "hash"));
        let signature = bytes(vector, "signature");
        let parts = ecdsa(
            signature[..32].try_into().unwrap(),
            signature[32..64].try_into().unwrap(),
            signature[64] - 27,
        );
        let output = request.assemble(Scheme::EcdsaSecp256k1, &key, &parts).unwrap();
        assert_eq!(output.bytes, signature);
        assert_eq!(output.encoding, Encoding::EthereumSignature);
    }
}

#[test]
fn solana_messages_assemble_to_the_transactions_that_solanas_own_crates_make() {
    let vectors = vectors("solana_messages.json");
    for vector in vectors["messages"].as_array().unwrap() {
        let name = text(vector, "name");
        let message: Bytes = bytes(vector, "message").into();
        let request = SignRequest::SolanaMessage { message: message.clone() };
        let signers = vector["signers"].as_array().unwrap();
        for (signer, signature) in signers.iter().zip(vector["signatures"].as_array().unwrap()) {
            let key = hex::decode(signer.as_str().unwrap()).unwrap();
            let decoded = request.decode(Scheme::EddsaEd25519, &key).unwrap();
            assert_eq!(decoded.to_sign.bytes(), &message[..], "{name}");
            let signature = hex::decode(signature.as_str().unwrap()).unwrap();
            let parts = SignatureParts::Eddsa(signature.try_into().unwrap());
            let output = request.assemble(Scheme::EddsaEd25519, &key, &parts).unwrap();
            assert_eq!(output.encoding, Encoding::SolanaTransaction);
            assert_eq!(output.signatures_missing as usize, signers.len() - 1);
            if signers.len() == 1 {
                assert_eq!(hex::encode(&output.bytes), text(vector, "transaction"), "{name}");
                assert_eq!(output.id.as_deref(), Some(text(vector, "id")));
            } else {
                assert_eq!(output.id, None);
            }
            for (raw, kind) in
                [(&message[..], "a solana message"), (&output.bytes, "a solana transaction")]
            {
                assert_eq!(
                    SignRequest::Raw { bytes: raw.into() }.decode(Scheme::EddsaEd25519, &key),
                    Err(MessageError::RawIsTransaction(kind)),
                    "{name}"
                );
            }
        }
        let stranger = [7; 32];
        assert!(request.decode(Scheme::EddsaEd25519, &stranger).is_err(), "{name}");
    }
}

#[test]
fn the_taproot_psbt_of_bip_371_verifies_with_its_published_signature() {
    // The first valid vector is unsigned, the second is the same with its key-path signature.
    let vectors = vectors("psbt.json");
    let unsigned = hex::decode(vectors["bip371_valid"][0].as_str().unwrap()).unwrap();
    let signed = hex::decode(vectors["bip371_valid"][1].as_str().unwrap()).unwrap();
    let key =
        hex::decode("fe349064c98d6e2a853fa3c9b12bd8b304a19c195c60efa7ee2393046d3fa232").unwrap();
    let signature = bitcoin::psbt::Psbt::deserialize(&signed).unwrap().inputs[0]
        .tap_key_sig
        .unwrap()
        .signature
        .serialize();

    let psbt = |bytes: &[u8]| SignRequest::BitcoinPsbt {
        psbt: bytes.into(),
        input: 0,
        network: network(),
    };
    let Decoded { to_sign, .. } = psbt(&unsigned).decode(Scheme::SchnorrBip340, &key).unwrap();
    assert_eq!(to_sign.tweak(), TaprootTweak::Bip86KeyPath);
    assert!(matches!(to_sign, ToSign::Bip340 { .. }));
    let parts = SignatureParts::Bip340(signature);
    to_sign.verify(&key, &parts).unwrap();

    let output = psbt(&unsigned).assemble(Scheme::SchnorrBip340, &key, &parts).unwrap();
    assert_eq!(output.encoding, Encoding::BitcoinTransaction);
    let transaction: bitcoin::Transaction = bitcoin::consensus::deserialize(&output.bytes).unwrap();
    assert_eq!(transaction.input[0].witness.to_vec(), vec![signature.to_vec()]);
    assert_eq!(output.id, Some(transaction.compute_txid().to_string()));

    assert_eq!(psbt(&signed).decode(Scheme::SchnorrBip340, &key), Err(MessageError::AlreadySigned));
}

#[test]
fn every_psbt_vector_is_read_or_refused_as_its_bip_says() {
    let vectors = vectors("psbt.json");
    let key =
        hex::decode("fe349064c98d6e2a853fa3c9b12bd8b304a19c195c60efa7ee2393046d3fa232").unwrap();
    let unreadable = MessageError::BitcoinTransaction("not a psbt of version 0");
    for (list, readable) in [
        ("bip174_valid", true),
        ("bip371_valid", true),
        ("bip174_invalid", false),
        ("bip371_invalid", false),
    ] {
        for vector in vectors[list].as_array().unwrap() {
            let psbt = hex::decode(vector.as_str().unwrap()).unwrap();
            let request = SignRequest::BitcoinPsbt {
                psbt: psbt.clone().into(),
                input: 0,
                network: network(),
            };
            let refused = request.decode(Scheme::SchnorrBip340, &key).err();
            assert_eq!(refused.as_ref() != Some(&unreadable), readable, "{list}: {refused:?}");
            if psbt.starts_with(b"psbt\xff") {
                assert_eq!(
                    SignRequest::Raw { bytes: psbt.into() }.decode(Scheme::SchnorrBip340, &key),
                    Err(MessageError::RawIsTransaction("a psbt"))
                );
            }
        }
    }
}
