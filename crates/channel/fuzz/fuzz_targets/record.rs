//! Any bytes as a sealed record.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_channel::record_seal::{
    DataKey, DataKeyId, RecordKind, RecordLocation, open_record, peek_record,
};
use zeroize::Zeroizing;

fuzz_target!(|data: &[u8]| {
    let _ = peek_record(data);
    let key = DataKey::new(DataKeyId::from_bytes([1; 16]), Zeroizing::new([2; 32]));
    let place =
        RecordLocation { tenant: "shop", user: b"u1", record_id: "w2", kind: RecordKind::Wallet };
    assert!(open_record(&key, &place, data).is_err(), "the seed belongs to w1");
});
