//! A request as it comes over the wire.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = ciborium::from_reader(bytes) {
        sharekeep_messages_fuzz::decode(&request);
    }
});
