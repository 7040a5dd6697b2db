//! Safe primes that are published, so that tests need not search for any.

use sharekeep_mpc::safe_prime::PaillierPrimes;

/// Five sets of four, from the tests of the ceremonies' own crate: not secret.
static SETS: &[u8] = include_bytes!("../../crates/mpc/tests/fixtures/not-secret-test-primes.bin");
const COUNT: usize = 5;

/// One of the sets, counted from 0.
pub fn published_primes(set: usize) -> PaillierPrimes {
    let size = SETS.len() / COUNT;
    PaillierPrimes::from_sealed_bytes(&SETS[set * size..][..size]).unwrap()
}
