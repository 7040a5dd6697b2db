//! Every kind of message, signed by a wallet whose scheme it is for.

use sharekeep::NewFactor;
use sharekeep_demo::verify::{bitcoin, ethereum, solana};
use sharekeep_messages::{BitcoinNetwork, MessageKind, SignRequest, SpentOutput};
use sharekeep_schemas::{Protocol, Scheme, WalletId};
use sharekeep_tests::message::note;
use sharekeep_tests::{Deployment, Phone};
use std::collections::BTreeSet;

const TYPED_DATA: &str = r#"{
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Mail": [{"name": "contents", "type": "string"}]
    },
    "primaryType": "Mail",
    "domain": {"name": "Ether Mail", "chainId": 1},
    "message": {"contents": "Hello, Bob!"}
}"#;

fn for_ethereum() -> [SignRequest; 4] {
    let transfer = ethereum::Transfer { chain_id: 1, nonce: 7, to: [0x5a; 20], value_wei: 10 };
    [
        SignRequest::EthereumTransaction { unsigned: transfer.unsigned().into() },
        SignRequest::EthereumText { text: "hello".to_owned() },
        SignRequest::EthereumTypedData { json: TYPED_DATA.to_owned(), chain_id: 1 },
        note("for any key"),
    ]
}

fn for_bitcoin(internal_key: [u8; 32]) -> [SignRequest; 3] {
    let output_key = bitcoin::output_key(&internal_key).unwrap();
    let spend = bitcoin::Spend {
        internal_key,
        amount_sat: 150_000,
        outputs: [(100_000, output_key), (49_000, output_key)],
    };
    let psbt = spend.psbt().unwrap();
    // BIP-174: after the magic, the first key and the length comes the unsigned transaction.
    let unsigned = psbt[8..][..usize::from(psbt[7])].to_vec();
    let script_pubkey = [&[0x51, 0x20][..], &output_key].concat();
    let spent = vec![SpentOutput { amount_sat: 150_000, script_pubkey: script_pubkey.into() }];
    let network = BitcoinNetwork::Bitcoin;
    [
        SignRequest::BitcoinPsbt { psbt: psbt.into(), input: 0, network },
        SignRequest::BitcoinTransaction { unsigned: unsigned.into(), spent, input: 0, network },
        note("for any key"),
    ]
}

fn for_solana(from: [u8; 32]) -> [SignRequest; 2] {
    let transfer = solana::Transfer { from, to: [9; 32], lamports: 1, blockhash: [3; 32] };
    [SignRequest::SolanaMessage { message: transfer.message().into() }, note("for any key")]
}

/// Makes a wallet of each scheme and signs with it whatever is for it.
pub(crate) async fn every_kind_of_message_is_signed(deployment: Deployment) {
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    phone.set_up(vec![NewFactor::recovery_code()]).await;
    let key = |wallet: WalletId| phone.home.wallet(wallet).unwrap().unwrap().public_key();
    let mut signed = BTreeSet::new();
    let ethereum = phone.create(Scheme::EcdsaSecp256k1, Protocol::Dkls23).await;
    let bitcoin = phone.create(Scheme::SchnorrBip340, Protocol::Frost).await;
    let solana = phone.create(Scheme::EddsaEd25519, Protocol::Frost).await;
    // A point's first byte is its parity, which is no part of BIP-340's keys.
    let internal_key = key(bitcoin)[1..].try_into().unwrap();
    let from = key(solana).as_slice().try_into().unwrap();
    for (wallet, messages) in [
        (ethereum, for_ethereum().to_vec()),
        (bitcoin, for_bitcoin(internal_key).to_vec()),
        (solana, for_solana(from).to_vec()),
    ] {
        for message in &messages {
            phone.sign(wallet, message).await;
            signed.insert(message.kind().as_str());
        }
    }
    let kinds = [
        MessageKind::BitcoinPsbt,
        MessageKind::BitcoinTransaction,
        MessageKind::EthereumText,
        MessageKind::EthereumTransaction,
        MessageKind::EthereumTypedData,
        MessageKind::Raw,
        MessageKind::SolanaMessage,
    ];
    assert_eq!(signed, kinds.map(MessageKind::as_str).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_sign_every_kind_of_message_that_is_for_their_keys() {
    every_kind_of_message_is_signed(Deployment::start().await).await;
}
