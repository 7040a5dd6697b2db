//! The message envelope.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_mpc::WireMessage;

fuzz_target!(|bytes: &[u8]| {
    let _ = ciborium::from_reader::<WireMessage, _>(bytes);
});
