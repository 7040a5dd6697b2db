//! Any bytes as an attestation document, at the time of the real one that is the seed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sharekeep_channel::attestation::{AWS_ROOT_DER, ExpectedNonce, Policy, Statement, verify};
use std::time::Duration;

fuzz_target!(|data: &[u8]| {
    let policy = Policy {
        root_der: AWS_ROOT_DER,
        now_unix_s: 1_736_179_625,
        max_age: Duration::from_secs(300),
        allowed_pcrs: &[],
        nonce: ExpectedNonce::NotChecked,
    };
    assert!(verify(data, &policy).is_err(), "no image is allowed");
    let _ = Statement::from_user_data(data);
});
