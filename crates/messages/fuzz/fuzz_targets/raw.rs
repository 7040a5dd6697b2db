//! Bytes as raw bytes: the decoders that look for transactions.
#![no_main]

use sharekeep_messages::SignRequest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sharekeep_messages_fuzz::decode(&SignRequest::Raw { bytes: bytes.into() });
});
