//! The embedded default is what an enclave's image must not have in it.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use sharekeep_image::{FOREIGN, foreign};

/// Of the others no trace is in this program either.
const ELSEWHERE: [&str; 3] = ["crates/virtual-enclave/", "/proptest-", "SHAREKEEP_"];

#[test]
fn every_stand_in_is_seen_in_the_program_that_has_them_all() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_sharekeep-local")).unwrap();
    let expected: Vec<_> = FOREIGN.into_iter().filter(|word| !ELSEWHERE.contains(word)).collect();
    let found: Vec<_> =
        foreign(&program).into_iter().filter(|word| !ELSEWHERE.contains(word)).collect();
    assert_eq!(found, expected);
}
