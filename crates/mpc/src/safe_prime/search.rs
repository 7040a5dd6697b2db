//! The search, in slices.

use paillier_zk::backend::{Integer, IsPrime};
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{PRIME_BITS, SafePrime, sieve};
use crate::entropy::CeremonyRng;

/// How many candidates a search tests on average before it finds a prime (see `SPEC.md`, §5). The
/// number is geometric: after any number of misses, as many are still expected.
pub const EXPECTED_CANDIDATES: u64 = 2_060;

/// Rounds of the back end's own test, after the base-2 tests passed.
const ROUNDS: u32 = 25;

/// A search for safe primes. It goes on after each find; dropping it is how it is cancelled.
pub struct PrimeSearch {
    rng: CeremonyRng,
    x0: Integer,
    /// Indexes of the window still to test, in random order.
    window: Vec<u32>,
    tested: u64,
}

impl PrimeSearch {
    /// Starts a search with randomness of its own, seeded from `rng`.
    pub fn new(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let rng = CeremonyRng::seeded_by(rng);
        Self { rng, x0: Integer::zero(), window: Vec::new(), tested: 0 }
    }

    /// Tests up to `candidates` candidates (about a millisecond each; a few more for the sieve at
    /// the start of each window) and stops at the first safe prime.
    pub fn slice(&mut self, candidates: u32) -> Option<SafePrime> {
        for _ in 0..candidates {
            let index = loop {
                match self.window.pop() {
                    Some(index) => break index,
                    None => self.open_window(),
                }
            };
            self.tested += 1;
            let x = &self.x0 + 6 * index;
            if let Some(prime) = self.test(&x) {
                // Two primes of one window are so close that Fermat would factor their product.
                self.window.clear();
                return Some(prime);
            }
        }
        None
    }

    /// How many candidates were tested so far, for a progress display beside
    /// [`EXPECTED_CANDIDATES`].
    pub fn tested(&self) -> u64 {
        self.tested
    }

    /// Draws x₀ uniformly among the numbers of 1535 bits that start with 11 and are 5 mod 6, sieves
    /// the window above it, and shuffles the survivors: in ascending order, the first prime after
    /// a long gap would be found more often than its neighbours.
    fn open_window(&mut self) {
        let x_bits = PRIME_BITS - 1;
        let mut bytes = Zeroizing::new([0u8; (PRIME_BITS / 8) as usize]);
        self.rng.fill_bytes(&mut *bytes);
        // 1536 bits drawn, the highest cleared, the next two set.
        bytes[0] = bytes[0] & 0x7f | 0x60;
        let x0 = Integer::from_bytes_msf(&*bytes);
        let to_5_mod_6 = (11 - x0.mod_u(6)) % 6;
        self.x0 = x0 + to_5_mod_6;
        let last = &self.x0 + 6 * (sieve::WINDOW as u32 - 1);
        self.window.clear();
        if last.significant_bits() != u64::from(x_bits) {
            return;
        }
        self.window = sieve::survivors(|q| self.x0.mod_u(q));
        for k in (1..self.window.len()).rev() {
            let other = self.below(k as u32 + 1);
            self.window.swap(k, other as usize);
        }
    }

    /// Uniform below `bound`, by rejection.
    fn below(&mut self, bound: u32) -> u32 {
        let fair = u32::MAX - u32::MAX % bound;
        loop {
            let drawn = self.rng.next_u32();
            if drawn < fair {
                return drawn % bound;
            }
        }
    }

    fn test(&mut self, x: &Integer) -> Option<SafePrime> {
        if !passes_base_2(x) {
            return None;
        }
        let p = (x << 1u32) + 1u32;
        if !passes_base_2(&p) {
            return None;
        }
        let prime = |n: &Integer, rng: &mut CeremonyRng| {
            !matches!(n.is_probably_prime(ROUNDS, rng), IsPrime::No)
        };
        if !prime(x, &mut self.rng) || !prime(&p, &mut self.rng) {
            return None;
        }
        SafePrime::from_integer(&p)
    }
}

/// Fermat's test to base 2.
fn passes_base_2(n: &Integer) -> bool {
    Integer::from(2u32).pow_mod_ref(&(n - 1u32), n).is_some_and(|power| power.is_one())
}
