//! Key shares and preparations as they come out of storage. Seeds: `tests/fixtures`, as in
//! `cargo +nightly fuzz run sealed fuzz/corpus/sealed tests/fixtures` from `crates/mpc`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_mpc::{KeyShare, Preparation, Protocol};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(share) = KeyShare::from_sealed_bytes(bytes) {
        assert!(KeyShare::from_sealed_bytes(&share.to_sealed_bytes()).is_ok());
    }
    for protocol in Protocol::ALL {
        if let Ok(preparation) = Preparation::from_sealed_bytes(protocol, bytes) {
            let again = preparation.to_sealed_bytes();
            assert!(Preparation::from_sealed_bytes(protocol, &again).is_ok());
        }
    }
});
