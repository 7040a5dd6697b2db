//! Any bytes as the envelope that KMS answers with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_channel::cms;

fuzz_target!(|data: &[u8]| {
    if let Ok(envelope) = cms::parse(data) {
        assert!(envelope.content.len().is_multiple_of(16));
    }
});
