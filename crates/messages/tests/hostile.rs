//! Whatever comes in: no panic, and no two messages signed alike.

#![allow(clippy::unwrap_used)]

mod given;

use std::sync::LazyLock;

use alloy_dyn_abi::TypedData;
use alloy_primitives::{Address, U256};
use alloy_rlp::{Encodable, Header};
use given::{bare, key_of, network, own_script, previous, sec1, spending};
use proptest::{collection::vec, prelude::*};
use sharekeep_messages::{Decoded, MessageError, Scheme, SignRequest, SpentOutput};

const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn decode(request: &SignRequest, scheme: Scheme) -> Result<Decoded, MessageError> {
    let key = match scheme {
        Scheme::EddsaEd25519 => hex::decode(ED25519).unwrap(),
        _ => key_of(scheme),
    };
    request.decode(scheme, &key)
}

fn every_request(bytes: &[u8], input: u32) -> Vec<SignRequest> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let spent = SpentOutput {
        amount_sat: 100_000_000,
        script_pubkey: own_script(Scheme::SchnorrBip340).to_bytes().into(),
    };
    vec![
        SignRequest::EthereumTransaction { unsigned: bytes.into() },
        SignRequest::EthereumText { text: text.clone() },
        SignRequest::EthereumTypedData { json: text, chain_id: 1 },
        SignRequest::BitcoinPsbt { psbt: bytes.into(), input, network: network() },
        SignRequest::BitcoinTransaction {
            unsigned: bytes.into(),
            spent: vec![spent; 2],
            input,
            network: network(),
        },
        SignRequest::SolanaMessage { message: bytes.into() },
        SignRequest::Raw { bytes: bytes.into() },
    ]
}

/// Well-formed messages of every kind, to be damaged.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let list = |file: &str, list: &str, field: &str| -> Vec<String> {
        let vectors = given::vectors(file);
        let vectors = vectors[list].as_array().unwrap();
        vectors.iter().map(|vector| given::text(vector, field).to_owned()).collect()
    };
    let hex = |text: String| hex::decode(text).unwrap();
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    seeds.extend(
        list("ethereum_transactions.json", "transactions", "unsigned").into_iter().map(hex),
    );
    seeds.extend(list("solana_messages.json", "messages", "message").into_iter().map(hex));
    seeds.extend(TYPED.iter().map(|json| json.clone().into_bytes()));
    let script = own_script(Scheme::SchnorrBip340);
    let transaction = spending(2, &script);
    seeds.push(bitcoin::consensus::serialize(&transaction));
    let mut psbt = bitcoin::Psbt::from_unsigned_tx(transaction).unwrap();
    for (index, input) in psbt.inputs.iter_mut().enumerate() {
        input.non_witness_utxo = Some(previous(index as u8, &script));
    }
    seeds.push(psbt.serialize());
    seeds
});

static TYPED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let vectors = given::vectors("ethereum_typed_data.json");
    let vectors = vectors["typed_data"].as_array().unwrap();
    vectors.iter().map(|vector| given::text(vector, "json").to_owned()).collect()
});

/// Overwrites, cuts out and inserts bytes.
fn damaged(seeds: &'static [Vec<u8>]) -> impl Strategy<Value = (&'static [u8], Vec<u8>)> {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4);
    (prop::sample::select(seeds), damage).prop_map(move |(seed, damage)| {
        let original = seeds.iter().find(|original| **original == seed).unwrap();
        let mut bytes = seed;
        for (place, value, kind) in damage {
            let place = place.index(bytes.len().max(1));
            match kind {
                0 if place < bytes.len() => bytes[place] = value,
                1 if place < bytes.len() => drop(bytes.remove(place)),
                _ => bytes.insert(place.min(bytes.len()), value),
            }
        }
        (original.as_slice(), bytes)
    })
}

/// One digit or letter of the message put in another's place: many of these are still well-formed.
fn altered_typed_data() -> impl Strategy<Value = String> {
    (prop::sample::select(&TYPED[..]), any::<prop::sample::Index>(), "[0-9a-f]").prop_map(
        |(json, place, letter)| {
            let places: Vec<usize> = (json.find("\"message\"").unwrap() + 9..json.len())
                .filter(|i| json.as_bytes()[*i].is_ascii_alphanumeric())
                .collect();
            let place = places[place.index(places.len())];
            [&json[..place], &letter, &json[place + 1..]].concat()
        },
    )
}

static TYPED_SEEDS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| TYPED.iter().map(|json| json.clone().into_bytes()).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..600), input in 0..3u32) {
        for request in every_request(&bytes, input) {
            for scheme in Scheme::ALL {
                let _ = decode(&request, scheme);
            }
        }
    }

    #[test]
    fn damaged_messages_never_panic((_, bytes) in damaged(&SEEDS), input in 0..3u32) {
        for request in every_request(&bytes, input) {
            for scheme in Scheme::ALL {
                if let Ok(decoded) = decode(&request, scheme) {
                    prop_assert!(!decoded.description.lines().is_empty());
                }
            }
        }
    }

    #[test]
    fn different_transactions_are_never_signed_alike((original, bytes) in damaged(&SEEDS)) {
        prop_assume!(original != bytes);
        for make in [
            |bytes: &[u8]| SignRequest::EthereumTransaction { unsigned: bytes.into() },
            |bytes: &[u8]| SignRequest::SolanaMessage { message: bytes.into() },
        ] {
            for scheme in [Scheme::EcdsaSecp256k1, Scheme::EddsaEd25519] {
                if let (Ok(original), Ok(damaged)) =
                    (decode(&make(original), scheme), decode(&make(&bytes), scheme))
                {
                    prop_assert_ne!(original.to_sign, damaged.to_sign);
                }
            }
        }
    }

    #[test]
    fn typed_data_that_is_read_here_is_hashed_alike_by_the_librarys_own_reader(
        json in prop_oneof![
            altered_typed_data(),
            damaged(&TYPED_SEEDS)
                .prop_map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()),
        ]
    ) {
        let Ok(library) = serde_json::from_str::<TypedData>(&json) else { return Ok(()) };
        for chain_id in [1, 137] {
            let request = SignRequest::EthereumTypedData { json: json.clone(), chain_id };
            if let Ok(decoded) = decode(&request, Scheme::EcdsaSecp256k1) {
                let hash = library.eip712_signing_hash().unwrap();
                prop_assert_eq!(decoded.to_sign.bytes(), &hash[..]);
            }
        }
    }

    #[test]
    fn an_eip_1559_transaction_encoded_by_the_library_is_read_and_signed_as_such(
        chain_id in 1..u64::MAX, nonce in 0..u64::MAX, tip in 0..u64::MAX, more in 0..u64::MAX,
        gas in any::<u64>(), to in any::<Option<[u8; 20]>>(), value in any::<u128>(),
        data in vec(any::<u8>(), 0..200),
    ) {
        let mut fields = Vec::new();
        chain_id.encode(&mut fields);
        nonce.encode(&mut fields);
        u128::from(tip).encode(&mut fields);
        (u128::from(tip) + u128::from(more)).encode(&mut fields);
        gas.encode(&mut fields);
        match to {
            Some(to) => Address::from(to).encode(&mut fields),
            None => fields.push(0x80),
        }
        U256::from(value).encode(&mut fields);
        data.as_slice().encode(&mut fields);
        fields.push(0xc0);
        let wrap = |fields: &[u8]| {
            let mut bytes = vec![2];
            Header { list: true, payload_length: fields.len() }.encode(&mut bytes);
            bytes.extend_from_slice(fields);
            bytes
        };
        let request = SignRequest::EthereumTransaction { unsigned: wrap(&fields).into() };
        let decoded = decode(&request, Scheme::EcdsaSecp256k1).unwrap();
        let (nonce, gas) = (nonce.to_string(), gas.to_string());
        prop_assert_eq!(decoded.description.get("nonce"), Some(nonce.as_str()));
        prop_assert_eq!(decoded.description.get("gas limit"), Some(gas.as_str()));

        let signature = given::sign(&decoded.to_sign);
        let sharekeep_messages::SignatureParts::Ecdsa { r, s, recovery_id } = signature.clone()
        else { unreachable!() };
        recovery_id.encode(&mut fields);
        U256::from_be_bytes(r).encode(&mut fields);
        U256::from_be_bytes(s).encode(&mut fields);
        let output = request.assemble(Scheme::EcdsaSecp256k1, &sec1(), &signature).unwrap();
        prop_assert_eq!(output.bytes, wrap(&fields));
    }

    #[test]
    fn amounts_of_a_bitcoin_transaction_never_panic(
        amounts in vec(any::<u64>(), 1..4), paid in vec(any::<u64>(), 1..4),
    ) {
        for scheme in [Scheme::SchnorrBip340, Scheme::EcdsaSecp256k1] {
            let script = own_script(scheme);
            let mut transaction = spending(amounts.len() as u8, &script);
            transaction.output = paid
                .iter()
                .map(|sat| bitcoin::TxOut {
                    value: bitcoin::Amount::from_sat(*sat),
                    script_pubkey: script.clone(),
                })
                .collect();
            let SignRequest::BitcoinTransaction { unsigned, mut spent, input, network } =
                bare(&transaction, &script, 0) else { unreachable!() };
            for (spent, amount) in spent.iter_mut().zip(&amounts) {
                spent.amount_sat = *amount;
            }
            let _ = decode(
                &SignRequest::BitcoinTransaction { unsigned, spent, input, network },
                scheme,
            );
        }
    }
}
