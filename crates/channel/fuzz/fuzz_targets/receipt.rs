//! Any bytes as a signed receipt: what is read is written the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_channel::receipt::{SignedReceipt, StatementKey};

fuzz_target!(|data: &[u8]| {
    let Ok(receipt) = SignedReceipt::from_bytes(data) else { return };
    assert_eq!(receipt.to_bytes(), data, "one receipt has one encoding");
    let key = StatementKey::from_sealing_bytes(&[9; 32]).expect("32 bytes are a key");
    let _ = receipt.verify(&key.public_key());
});
