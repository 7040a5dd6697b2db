//! Bytes as a Bitcoin transaction with up to two inputs of the key.
#![no_main]

use sharekeep_messages::{BitcoinNetwork, SignRequest, SpentOutput};

/// The script of the key of all targets.
const SCRIPT: [u8; 34] = [
    0x51, 0x20, 0x5a, 0x2c, 0x2c, 0xf5, 0xb5, 0x2c, 0xf3, 0x1f, 0x83, 0xad, 0x2e, 0x8d, 0xa6, 0x3f,
    0xf0, 0x31, 0x83, 0xec, 0xd8, 0xf6, 0x09, 0xc7, 0x51, 0x0a, 0xe8, 0xa4, 0x8e, 0x03, 0x91, 0x0a,
    0x07, 0x57,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for inputs in 1..=2 {
        let spent = SpentOutput { amount_sat: 5_000_000_000, script_pubkey: SCRIPT[..].into() };
        sharekeep_messages_fuzz::decode(&SignRequest::BitcoinTransaction {
            unsigned: bytes.into(),
            spent: vec![spent; inputs],
            input: 0,
            network: BitcoinNetwork::Bitcoin,
        });
    }
});
