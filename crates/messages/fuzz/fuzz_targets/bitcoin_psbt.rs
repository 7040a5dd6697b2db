//! Bytes as a PSBT.
#![no_main]

use sharekeep_messages::{BitcoinNetwork, SignRequest};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (psbt, network) = (bytes.into(), BitcoinNetwork::Bitcoin);
    sharekeep_messages_fuzz::decode(&SignRequest::BitcoinPsbt { psbt, input: 0, network });
});
