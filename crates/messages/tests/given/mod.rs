//! What tests are given: vectors, keys, and transactions to spend.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime,
    consensus::serialize,
    hashes::Hash,
    key::{Keypair, TapTweak},
    secp256k1::{Message, Secp256k1, SecretKey},
    transaction::Version,
};
use serde_json::Value;
use sharekeep_messages::{
    BitcoinNetwork, Scheme, SignRequest, SignatureParts, SpentOutput, TaprootTweak, ToSign,
    taproot_output_key,
};

pub fn vectors(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap()
}

pub fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(vector, field)).unwrap()
}

pub fn hex32(vector: &Value, field: &str) -> [u8; 32] {
    bytes(vector, field).try_into().unwrap()
}

pub fn network() -> BitcoinNetwork {
    BitcoinNetwork::Regtest
}

/// A secp256k1 key for tests.
pub fn secp_key() -> Keypair {
    Keypair::from_secret_key(&Secp256k1::new(), &SecretKey::from_slice(&[0x42; 32]).unwrap())
}

pub fn sec1() -> Vec<u8> {
    secp_key().public_key().serialize().to_vec()
}

pub fn xonly() -> Vec<u8> {
    secp_key().x_only_public_key().0.serialize().to_vec()
}

/// Signs with another library path than the one under test computes hashes by.
pub fn sign(to_sign: &ToSign) -> SignatureParts {
    let secp = Secp256k1::new();
    match to_sign {
        ToSign::EcdsaPrehash(hash) => {
            let message = Message::from_digest(*hash.as_bytes());
            let (recovery_id, compact) =
                secp.sign_ecdsa_recoverable(&message, &secp_key().secret_key()).serialize_compact();
            SignatureParts::Ecdsa {
                r: compact[..32].try_into().unwrap(),
                s: compact[32..].try_into().unwrap(),
                recovery_id: recovery_id.to_i32() as u8,
            }
        }
        ToSign::Bip340 { message, tweak } => {
            let key = match tweak {
                TaprootTweak::None => secp_key(),
                TaprootTweak::Bip86KeyPath => secp_key().tap_tweak(&secp, None).to_keypair(),
            };
            let message = Message::from_digest(*message.as_bytes());
            SignatureParts::Bip340(secp.sign_schnorr_no_aux_rand(&message, &key).serialize())
        }
        _ => unreachable!("secp256k1 keys only"),
    }
}

/// The script that the test key spends under a scheme.
pub fn own_script(scheme: Scheme) -> ScriptBuf {
    match scheme {
        Scheme::SchnorrBip340 => {
            let output_key = taproot_output_key(&xonly()).unwrap();
            ScriptBuf::from_bytes([&[0x51, 0x20][..], &output_key].concat())
        }
        _ => ScriptBuf::new_p2wpkh(
            &bitcoin::PublicKey::from_slice(&sec1()).unwrap().wpubkey_hash().unwrap(),
        ),
    }
}

pub fn key_of(scheme: Scheme) -> Vec<u8> {
    match scheme {
        Scheme::SchnorrBip340 => xonly(),
        _ => sec1(),
    }
}

/// The transaction that input `index` spends from: 1 BTC to `script` at output 0.
pub fn previous(index: u8, script: &ScriptBuf) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![txin(OutPoint::new(Txid::from_byte_array([index + 1; 32]), 0))],
        output: vec![TxOut { value: Amount::ONE_BTC, script_pubkey: script.clone() }],
    }
}

pub fn txin(previous_output: OutPoint) -> TxIn {
    TxIn {
        previous_output,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    }
}

/// A transaction of `inputs` inputs of 1 BTC each that pays 0.75 BTC away and a fee of 0.001 BTC.
pub fn spending(inputs: u8, script: &ScriptBuf) -> Transaction {
    let brought = u64::from(inputs) * 100_000_000;
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: (0..inputs)
            .map(|index| txin(OutPoint::new(previous(index, script).compute_txid(), 0)))
            .collect(),
        output: vec![
            TxOut {
                value: Amount::from_sat(75_000_000),
                script_pubkey: ScriptBuf::from_hex(
                    "512053a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343",
                )
                .unwrap(),
            },
            TxOut {
                value: Amount::from_sat(brought - 75_000_000 - 100_000),
                script_pubkey: script.clone(),
            },
        ],
    }
}

/// The request for one input of [`spending`], each input spending 1 BTC of `script`.
pub fn bare(transaction: &Transaction, script: &ScriptBuf, input: u32) -> SignRequest {
    SignRequest::BitcoinTransaction {
        unsigned: serialize(transaction).into(),
        spent: vec![
            SpentOutput { amount_sat: 100_000_000, script_pubkey: script.to_bytes().into() };
            transaction.input.len()
        ],
        input,
        network: network(),
    }
}
