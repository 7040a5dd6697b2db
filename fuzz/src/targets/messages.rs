//! Messages to sign, decoded under a key of every scheme.

use sharekeep_messages::{BitcoinNetwork, Scheme, SignRequest, SpentOutput};

/// The BIP-86 key that the first seed of `messages_bitcoin_psbt` belongs to, also as an ECDSA key.
const SECP256K1: [u8; 33] = [
    0x02, 0xfe, 0x34, 0x90, 0x64, 0xc9, 0x8d, 0x6e, 0x2a, 0x85, 0x3f, 0xa3, 0xc9, 0xb1, 0x2b, 0xd8,
    0xb3, 0x04, 0xa1, 0x9c, 0x19, 0x5c, 0x60, 0xef, 0xa7, 0xee, 0x23, 0x93, 0x04, 0x6d, 0x3f, 0xa2,
    0x32,
];

/// Its script.
const SCRIPT: [u8; 34] = [
    0x51, 0x20, 0x5a, 0x2c, 0x2c, 0xf5, 0xb5, 0x2c, 0xf3, 0x1f, 0x83, 0xad, 0x2e, 0x8d, 0xa6, 0x3f,
    0xf0, 0x31, 0x83, 0xec, 0xd8, 0xf6, 0x09, 0xc7, 0x51, 0x0a, 0xe8, 0xa4, 0x8e, 0x03, 0x91, 0x0a,
    0x07, 0x57,
];

/// RFC 8032 section 7.1, test 1: the signer of the seeds of `messages_solana_message`.
const ED25519: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

/// What decodes is described in printable lines.
fn decode(request: &SignRequest) {
    for scheme in Scheme::ALL {
        let key: &[u8] = match scheme {
            Scheme::EddsaEd25519 => &ED25519,
            Scheme::EcdsaSecp256k1 | Scheme::SchnorrBip340 => &SECP256K1,
        };
        if let Ok(decoded) = request.decode(scheme, key) {
            let lines = decoded.description.lines().len();
            assert_eq!(decoded.description.to_string().lines().count(), lines);
        }
    }
}

pub(crate) fn bitcoin_psbt(bytes: &[u8]) {
    let (psbt, network) = (bytes.into(), BitcoinNetwork::Bitcoin);
    decode(&SignRequest::BitcoinPsbt { psbt, input: 0, network });
}

/// A transaction with up to two inputs of the key.
pub(crate) fn bitcoin_transaction(bytes: &[u8]) {
    for inputs in 1..=2 {
        let spent = SpentOutput { amount_sat: 5_000_000_000, script_pubkey: SCRIPT[..].into() };
        decode(&SignRequest::BitcoinTransaction {
            unsigned: bytes.into(),
            spent: vec![spent; inputs],
            input: 0,
            network: BitcoinNetwork::Bitcoin,
        });
    }
}

pub(crate) fn ethereum_transaction(bytes: &[u8]) {
    decode(&SignRequest::EthereumTransaction { unsigned: bytes.into() });
}

/// EIP-712.
pub(crate) fn ethereum_typed_data(bytes: &[u8]) {
    let Ok(json) = str::from_utf8(bytes) else { return };
    decode(&SignRequest::EthereumTypedData { json: json.to_owned(), chain_id: 1 });
}

/// The decoders that look for transactions in raw bytes.
pub(crate) fn raw(bytes: &[u8]) {
    decode(&SignRequest::Raw { bytes: bytes.into() });
}

/// A request as it comes over the wire.
pub(crate) fn request(bytes: &[u8]) {
    if let Ok(request) = ciborium::from_reader(bytes) {
        decode(&request);
    }
}

pub(crate) fn solana_message(bytes: &[u8]) {
    decode(&SignRequest::SolanaMessage { message: bytes.into() });
}
