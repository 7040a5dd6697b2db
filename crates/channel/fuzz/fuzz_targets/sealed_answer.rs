//! Any bytes as a sealed answer: an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_channel::encapsulation::{
    EnclaveKeyPair, RequestBinding, ResponseOpener, Sender, Suite,
};
use sharekeep_channel::signature::KeyId;
use std::sync::LazyLock;

static OPENER: LazyLock<ResponseOpener> = LazyLock::new(|| {
    let rng = &mut rand_core::OsRng;
    let binding = RequestBinding {
        method: "POST",
        path: "/v1/wallets",
        session: KeyId::from_bytes([1; 32]),
        idempotency_key: "r1",
    };
    let enclave = EnclaveKeyPair::generate(rng);
    let sender = Sender::new(enclave.public_key(), Suite::default(), &binding, rng);
    sender.and_then(|sender| sender.seal(b"request")).expect("a fresh key can be sealed to").1
});

fuzz_target!(|data: &[u8]| {
    assert!(OPENER.open(data).is_err(), "nobody can guess a sealed answer");
});
