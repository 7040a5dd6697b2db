//! Any bytes as a sealed request: an error or the plaintext, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_channel::encapsulation::{EnclaveKeyPair, RequestBinding, peek_key_id};
use sharekeep_channel::signature::KeyId;
use std::sync::LazyLock;

static ENCLAVE: LazyLock<EnclaveKeyPair> =
    LazyLock::new(|| EnclaveKeyPair::generate(&mut rand_core::OsRng));

fuzz_target!(|data: &[u8]| {
    let binding = RequestBinding {
        method: "POST",
        path: "/v1/wallets",
        session: KeyId::from_bytes([1; 32]),
        idempotency_key: "r1",
    };
    let mut sealed = data.to_vec();
    // With the right key id the fuzzer gets past the first check.
    if let Some(id) = sealed.get_mut(2..34) {
        id.copy_from_slice(ENCLAVE.id().as_bytes());
    }
    let _ = peek_key_id(&sealed);
    assert!(ENCLAVE.open(&binding, &sealed).is_err(), "nobody can guess a sealed request");
});
