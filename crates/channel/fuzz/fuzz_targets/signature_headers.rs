//! Any text as the three signature headers, divided by line breaks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_channel::signature::{
    Freshness, RequestParts, SessionSigningKey, SignatureHeaders, peek_key_id, verify,
};

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let names = ["signature-input", "signature", "content-digest"];
    let headers = names.into_iter().zip(&mut lines);
    let Ok(headers) = SignatureHeaders::collect(headers) else { return };
    let _ = peek_key_id(&headers);
    let key = SessionSigningKey::from_sealing_bytes(&[2; 33]).expect("32 bytes are a key");
    let parts = RequestParts {
        method: "POST",
        authority: "keys.example",
        path: "/v1/wallets",
        query: None,
        body: b"sealed",
    };
    let _ = verify(&key.public_key(), &parts, &headers, 1_795_000_000, &Freshness::default());
});
