//! Primes found in advance.

use super::{PaillierPrimes, SafePrime};

/// A bounded store of safe primes. It is filled by whoever has idle time, emptied four at a time,
/// and wiped when dropped; it never serialises itself.
pub struct PrimePool {
    capacity: usize,
    primes: Vec<SafePrime>,
}

impl PrimePool {
    /// A pool with room for this many preparations (four primes each).
    pub fn for_preparations(preparations: u16) -> Self {
        Self { capacity: 4 * usize::from(preparations), primes: Vec::new() }
    }

    /// How many primes fit in still.
    pub fn wanted(&self) -> usize {
        self.capacity - self.primes.len()
    }

    /// How many preparations can be served now.
    pub fn ready(&self) -> usize {
        self.primes.len() / 4
    }

    /// Adds a prime. A prime that is there already is dropped: only a broken generator finds one
    /// twice.
    ///
    /// # Errors
    /// The prime, if the pool is full.
    pub fn put(&mut self, prime: SafePrime) -> Result<(), SafePrime> {
        if self.wanted() == 0 {
            return Err(prime);
        }
        if !self.primes.iter().any(|one| **one.0 == **prime.0) {
            self.primes.push(prime);
        }
        Ok(())
    }

    /// Takes four primes out, if there are four. They never come back: a prime of two keys breaks
    /// both.
    pub fn take_four(&mut self) -> Option<PaillierPrimes> {
        if self.primes.len() < 4 {
            return None;
        }
        let rest = self.primes.len() - 4;
        let four: [SafePrime; 4] = self.primes.split_off(rest).try_into().ok()?;
        PaillierPrimes::new(four).ok()
    }
}
