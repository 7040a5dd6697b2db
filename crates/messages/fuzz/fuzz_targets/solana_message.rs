//! Bytes as a Solana message.
#![no_main]

use sharekeep_messages::SignRequest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sharekeep_messages_fuzz::decode(&SignRequest::SolanaMessage { message: bytes.into() });
});
