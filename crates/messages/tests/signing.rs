//! Whole ways: request, signature, and what comes out; what a user reads on the way.

#![allow(clippy::unwrap_used)]

mod given;

use bitcoin::{
    TapSighashType, Transaction, consensus::deserialize, psbt::Psbt, secp256k1::Secp256k1,
};
use given::{bare, key_of, network, own_script, previous, sec1, sign, spending, xonly};
use sharekeep_messages::{
    Encoding, MessageError, RAW_EDDSA_HEADER, Scheme, SignRequest, SignatureParts, TaprootTweak,
    ToSign,
};

const SCHEMES: [Scheme; 2] = [Scheme::SchnorrBip340, Scheme::EcdsaSecp256k1];

#[test]
fn a_psbt_is_signed_input_by_input_until_it_is_a_transaction() {
    for scheme in SCHEMES {
        let script = own_script(scheme);
        let mut psbt = Psbt::from_unsigned_tx(spending(2, &script)).unwrap();
        for (index, input) in psbt.inputs.iter_mut().enumerate() {
            input.non_witness_utxo = Some(previous(index as u8, &script));
        }
        let request = |psbt: Vec<u8>, input| SignRequest::BitcoinPsbt {
            psbt: psbt.into(),
            input,
            network: network(),
        };
        let first = request(psbt.serialize(), 1);
        let signature = sign(&first.decode(scheme, &key_of(scheme)).unwrap().to_sign);
        let half = first.assemble(scheme, &key_of(scheme), &signature).unwrap();
        assert_eq!((half.encoding, half.signatures_missing), (Encoding::BitcoinPsbt, 1));
        assert_eq!(half.id, None);

        let again = request(half.bytes.clone(), 1).decode(scheme, &key_of(scheme));
        assert_eq!(again, Err(MessageError::AlreadySigned));

        let second = request(half.bytes, 0);
        let signature = sign(&second.decode(scheme, &key_of(scheme)).unwrap().to_sign);
        let whole = second.assemble(scheme, &key_of(scheme), &signature).unwrap();
        assert_eq!((whole.encoding, whole.signatures_missing), (Encoding::BitcoinTransaction, 0));
        let transaction: Transaction = deserialize(&whole.bytes).unwrap();
        assert_eq!(whole.id, Some(transaction.compute_txid().to_string()));
        assert!(transaction.input.iter().all(|input| !input.witness.is_empty()));
        assert_eq!(transaction.compute_txid(), spending(2, &script).compute_txid());
    }
}

#[test]
fn a_psbt_that_asks_for_sighash_all_gets_it_named_in_the_witness() {
    let scheme = Scheme::SchnorrBip340;
    let script = own_script(scheme);
    let mut witnesses = Vec::new();
    for sighash_type in [TapSighashType::Default, TapSighashType::All] {
        let mut psbt = Psbt::from_unsigned_tx(spending(1, &script)).unwrap();
        psbt.inputs[0].witness_utxo = Some(previous(0, &script).output[0].clone());
        psbt.inputs[0].sighash_type = Some(sighash_type.into());
        let request = SignRequest::BitcoinPsbt {
            psbt: psbt.serialize().into(),
            input: 0,
            network: network(),
        };
        let signature = sign(&request.decode(scheme, &xonly()).unwrap().to_sign);
        let output = request.assemble(scheme, &xonly(), &signature).unwrap();
        let transaction: Transaction = deserialize(&output.bytes).unwrap();
        witnesses.push(transaction.input[0].witness.to_vec().remove(0));
    }
    assert_eq!(witnesses[0].len(), 64);
    assert_eq!((witnesses[1].len(), witnesses[1][64]), (65, 1));
    assert_ne!(witnesses[0], witnesses[1][..64]);
}

#[test]
fn a_bare_transaction_keeps_the_witnesses_of_other_inputs() {
    let scheme = Scheme::SchnorrBip340;
    let script = own_script(scheme);
    let first = bare(&spending(2, &script), &script, 0);
    let signature = sign(&first.decode(scheme, &xonly()).unwrap().to_sign);
    let half = first.assemble(scheme, &xonly(), &signature).unwrap();
    assert_eq!((half.encoding, half.signatures_missing), (Encoding::BitcoinTransaction, 1));
    assert_eq!(half.id, None);

    let transaction: Transaction = deserialize(&half.bytes).unwrap();
    assert_eq!(
        bare(&transaction, &script, 0).decode(scheme, &xonly()),
        Err(MessageError::AlreadySigned)
    );
    let second = bare(&transaction, &script, 1);
    let signature = sign(&second.decode(scheme, &xonly()).unwrap().to_sign);
    let whole = second.assemble(scheme, &xonly(), &signature).unwrap();
    assert_eq!(whole.signatures_missing, 0);
    assert!(whole.id.is_some());
}

#[test]
fn a_bitcoin_description_tells_receivers_change_and_fee() {
    let scheme = Scheme::SchnorrBip340;
    let script = own_script(scheme);
    let decoded = bare(&spending(2, &script), &script, 0).decode(scheme, &xonly()).unwrap();
    let description = decoded.description;
    let own = sharekeep_messages::bitcoin_address(&xonly(), network()).unwrap();
    assert_eq!(
        description.get("input 0"),
        Some(format!("1 BTC of {own} (this wallet, signed now)").as_str())
    );
    assert_eq!(
        description.get("output 1"),
        Some(format!("1.249 BTC to {own} (back to this wallet)").as_str())
    );
    assert!(description.get("output 0").unwrap().starts_with("0.75 BTC to bcrt1p2wsldez5"));
    assert_eq!(description.get("fee"), Some("0.001 BTC"));
    assert_eq!(description.get("leaves this wallet"), Some("0.751 BTC"));
}

#[test]
fn an_ethereum_description_tells_amount_receiver_and_most_it_costs() {
    let vectors = given::vectors("ethereum_transactions.json");
    let described = |name: &str| {
        let vector = vectors["transactions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|vector| given::text(vector, "name") == name)
            .unwrap();
        let unsigned = given::bytes(vector, "unsigned").into();
        SignRequest::EthereumTransaction { unsigned }
            .decode(Scheme::EcdsaSecp256k1, &sec1())
            .unwrap()
            .description
    };
    let transfer = described("EIP-1559 transfer");
    assert_eq!(transfer.get("what"), Some("Ethereum transaction: transfer"));
    assert_eq!(transfer.get("network"), Some("Ethereum (chain id 1)"));
    assert_eq!(transfer.get("to"), Some("0x6069a6C32cf691F5982FEbAe4fAf8a6f3AB2F0F6"));
    assert_eq!(transfer.get("amount"), Some("1.5 ETH"));
    assert_eq!(transfer.get("fee at most"), Some("0.00063 ETH"));
    assert_eq!(transfer.get("amount and fee at most"), Some("1.50063 ETH"));
    assert_eq!(transfer.get("gas price"), Some("at most 30 gwei, tip 1 gwei"));

    let created = described("EIP-1559 contract creation on Base");
    assert_eq!(created.get("what"), Some("Ethereum transaction: creates a contract"));
    assert_eq!(created.get("network"), Some("Base (chain id 8453)"));
    assert_eq!(created.get("contract code"), Some("5 bytes"));

    let token = described("EIP-1559 ERC-20 transfer with access list");
    assert_eq!(
        token.get("if the contract is a token"),
        Some("token transfer of 1000000 base units to 0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB")
    );
    assert_eq!(token.get("data"), Some("68 bytes, function 0xa9059cbb"));
    assert_eq!(token.get("access list"), Some("2 addresses, 2 storage keys"));

    let approval = described("EIP-155 legacy on chain 56");
    assert_eq!(
        approval.get("if the contract is a token"),
        Some(
            "token approval: 0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC may spend up to an \
             UNLIMITED amount"
        )
    );
    assert!(approval.get("amount").unwrap().ends_with(" BNB"));
    let operator = described("mainnet 0x0ec0b6a2…, EIP-1559");
    assert!(operator.get("if the contract is a token").unwrap().contains("may no longer move"));
}

#[test]
fn a_solana_description_tells_amount_sender_and_receiver() {
    let vectors = given::vectors("solana_messages.json");
    let key = given::bytes(&vectors, "public_key");
    let messages = vectors["messages"].as_array().unwrap();
    let described = |index: usize| {
        let message = given::bytes(&messages[index], "message").into();
        SignRequest::SolanaMessage { message }
            .decode(Scheme::EddsaEd25519, &key)
            .unwrap()
            .description
    };
    let own = sharekeep_messages::solana_address(&key).unwrap();
    for index in [0, 1] {
        let description = described(index);
        assert_eq!(
            description.get("instruction 1"),
            Some(format!("transfers 1.500000001 SOL from {own} to cGfHiC6Kgg3FpFZvgwGcswsCRtp4aBP2fzuXRQPizuN").as_str())
        );
        assert_eq!(description.get("pays the fee"), Some(format!("{own} (this wallet)").as_str()));
    }
    let looked_up = described(2).to_string();
    assert!(looked_up.contains("(Token)"));
    assert!(looked_up.contains("entry 1 of table"));
    let two_signers = described(3);
    assert!(!two_signers.get("pays the fee").unwrap().contains("this wallet"));
    assert_eq!(two_signers.get("also signs"), Some(format!("{own} (this wallet)").as_str()));
}

#[test]
fn typed_data_and_texts_are_shown_whole_and_escaped() {
    let request = SignRequest::EthereumText { text: "pay\nto: \u{202e}evil".into() };
    let description = request.decode(Scheme::EcdsaSecp256k1, &sec1()).unwrap().description;
    assert_eq!(description.get("text"), Some(r"pay\nto: \u{202e}evil"));

    let vectors = given::vectors("ethereum_typed_data.json");
    let json = given::text(&vectors["typed_data"][0], "json").into();
    let request = SignRequest::EthereumTypedData { json, chain_id: 1 };
    let description = request.decode(Scheme::EcdsaSecp256k1, &sec1()).unwrap().description;
    assert_eq!(description.get("domain.name"), Some("Ether Mail"));
    assert_eq!(description.get("type"), Some("Mail"));
    assert_eq!(description.get("to.wallet"), Some("0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"));
    assert_eq!(description.get("contents"), Some("Hello, Bob!"));
}

#[test]
fn raw_bytes_are_signed_only_under_the_prefix_of_the_scheme() {
    let request = SignRequest::Raw { bytes: b"hello"[..].into() };
    let as_text = SignRequest::EthereumText { text: "hello".into() };
    let ecdsa = request.decode(Scheme::EcdsaSecp256k1, &sec1()).unwrap().to_sign;
    assert_eq!(ecdsa, as_text.decode(Scheme::EcdsaSecp256k1, &sec1()).unwrap().to_sign);

    // SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ "hello"), computed with Python's hashlib.
    let bip340 = request.decode(Scheme::SchnorrBip340, &xonly()).unwrap().to_sign;
    assert_eq!(
        hex::encode(bip340.bytes()),
        "23c8944d4ee0dc1d980f15ba4e3753a3234ec92d0cce7d8c7ed68ee1c3e1704b"
    );
    assert_eq!(bip340.tweak(), TaprootTweak::None);
    let output = request.assemble(Scheme::SchnorrBip340, &xonly(), &sign(&bip340)).unwrap();
    assert_eq!((output.bytes.len(), output.encoding), (64, Encoding::Bip340Signature));

    let key =
        hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
    let eddsa = request.decode(Scheme::EddsaEd25519, &key).unwrap().to_sign;
    assert_eq!(eddsa.bytes(), [RAW_EDDSA_HEADER, b"hello"].concat());
}

#[test]
fn a_wrong_high_s_or_foreign_signature_is_not_assembled() {
    let request = SignRequest::EthereumText { text: "hello".into() };
    let to_sign = request.decode(Scheme::EcdsaSecp256k1, &sec1()).unwrap().to_sign;
    let SignatureParts::Ecdsa { r, s, recovery_id } = sign(&to_sign) else { unreachable!() };
    let assemble =
        |signature: &SignatureParts| request.assemble(Scheme::EcdsaSecp256k1, &sec1(), signature);
    assemble(&SignatureParts::Ecdsa { r, s, recovery_id }).unwrap();

    let mut high = bitcoin::secp256k1::SecretKey::from_slice(&s).unwrap();
    high = high.negate();
    for signature in [
        SignatureParts::Ecdsa { r, s: high.secret_bytes(), recovery_id: recovery_id ^ 1 },
        SignatureParts::Ecdsa { r, s, recovery_id: recovery_id ^ 1 },
        SignatureParts::Ecdsa { r, s, recovery_id: recovery_id + 2 },
        SignatureParts::Ecdsa { r: s, s, recovery_id },
        SignatureParts::Ecdsa { r: [0; 32], s, recovery_id },
        SignatureParts::Ecdsa { r: [0xff; 32], s, recovery_id },
    ] {
        assert_eq!(assemble(&signature), Err(MessageError::SignatureInvalid));
    }
    for signature in [SignatureParts::Bip340([1; 64]), SignatureParts::Eddsa([1; 64])] {
        assert_eq!(assemble(&signature), Err(MessageError::SignatureScheme));
    }

    // Signed with the internal key instead of the tweaked one.
    let scheme = Scheme::SchnorrBip340;
    let script = own_script(scheme);
    let spend = bare(&spending(1, &script), &script, 0);
    let to_sign = spend.decode(scheme, &xonly()).unwrap().to_sign;
    let ToSign::Bip340 { message, .. } = &to_sign else { unreachable!() };
    let message = bitcoin::secp256k1::Message::from_digest(*message.as_bytes());
    let untweaked = Secp256k1::new().sign_schnorr_no_aux_rand(&message, &given::secp_key());
    let signature = SignatureParts::Bip340(untweaked.serialize());
    assert_eq!(spend.assemble(scheme, &xonly(), &signature), Err(MessageError::SignatureInvalid));
}
