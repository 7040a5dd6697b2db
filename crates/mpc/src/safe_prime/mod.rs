//! Safe primes for Paillier keys, found in idle time. **Own cryptography, not reviewed**: see
//! `SPEC.md` beside this file.
//!
//! A search is cut into slices, so that a background thread can stop at any moment; nothing here
//! starts a thread. A [`PrimePool`] keeps what was found until a preparation needs four of them.
//!
//! ```no_run
//! use rand_core::OsRng;
//! use sharekeep_mpc::safe_prime::{PrimePool, PrimeSearch};
//!
//! let mut pool = PrimePool::for_preparations(1);
//! let mut search = PrimeSearch::new(&mut OsRng);
//! while pool.wanted() > 0 {
//!     if let Some(prime) = search.slice(50) {
//!         let _full = pool.put(prime);
//!     }
//! }
//! let primes = pool.take_four().expect("the pool is full");
//! ```

mod pool;
mod search;
mod sieve;

use crypto_bigint::U1536;
use crypto_primes::Flavor;
use paillier_zk::backend::Integer;
use zeroize::Zeroizing;

use crate::Fault;

pub use pool::PrimePool;
pub use search::{EXPECTED_CANDIDATES, PrimeSearch};

/// Size of a safe prime in bits (CGGMP24 at the 128-bit level, libraries' `SecurityLevel128`).
pub const PRIME_BITS: u32 = 1536;
const PRIME_BYTES: usize = PRIME_BITS as usize / 8;

/// A prime p with (p − 1)/2 prime, of exactly 1536 bits, the two highest set. It stays where it is
/// when moved, so no copies are left behind, and is wiped on drop; no `Debug`, `Clone` or
/// `Serialize`.
pub struct SafePrime(Box<Zeroizing<[u8; PRIME_BYTES]>>);

impl SafePrime {
    /// Checks a candidate with a library that had no part in finding it: crypto-primes'
    /// Baillie–PSW test on p and (p − 1)/2.
    fn checked(bytes: Zeroizing<[u8; PRIME_BYTES]>) -> Option<Self> {
        let bytes = Box::new(bytes);
        let p = U1536::from_be_slice(&**bytes);
        let full = bytes[0] >> 6 == 0b11;
        (full && crypto_primes::is_prime(Flavor::Safe, &p)).then_some(Self(bytes))
    }

    fn from_integer(p: &Integer) -> Option<Self> {
        let found = Zeroizing::new(p.to_bytes_msf());
        let bytes: [u8; PRIME_BYTES] = found.as_slice().try_into().ok()?;
        Self::checked(Zeroizing::new(bytes))
    }

    /// The prime, big-endian.
    pub fn as_bytes(&self) -> &[u8; PRIME_BYTES] {
        &self.0
    }
}

/// The four safe primes of one CGGMP24 preparation: two for the Paillier modulus, two for the
/// ring-Pedersen modulus. All different.
pub struct PaillierPrimes([SafePrime; 4]);

/// Version byte of the sealed form.
const VERSION: u8 = 1;

impl PaillierPrimes {
    /// Takes four primes; gives them back if two are equal, which only a broken generator makes:
    /// moduli that share a factor are no secret to anyone.
    ///
    /// # Errors
    /// The primes, if two are equal.
    pub fn new(primes: [SafePrime; 4]) -> Result<Self, [SafePrime; 4]> {
        let repeated = (1..4).any(|k| primes[..k].iter().any(|one| **one.0 == **primes[k].0));
        if repeated { Err(primes) } else { Ok(Self(primes)) }
    }

    /// Runs a search to the end, on this thread: 2–30 CPU seconds. For tools and tests; a device
    /// or an enclave fills a [`PrimePool`] in its idle time.
    pub fn generate(rng: &mut (impl rand_core::RngCore + rand_core::CryptoRng)) -> Self {
        let mut search = PrimeSearch::new(rng);
        let mut pool = PrimePool::for_preparations(1);
        loop {
            if let Some(prime) = search.slice(u32::MAX) {
                let _ = pool.put(prime);
            }
            if let Some(four) = pool.take_four() {
                return four;
            }
        }
    }

    /// The versioned byte form (769 bytes), in the clear: for a caller that seals it at once.
    pub fn to_sealed_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + 4 * PRIME_BYTES));
        bytes.push(VERSION);
        for prime in &self.0 {
            bytes.extend_from_slice(prime.as_bytes());
        }
        bytes
    }

    /// Opens what [`Self::to_sealed_bytes`] made, testing the primes again.
    ///
    /// # Errors
    /// [`Fault::Unopenable`] for anything else.
    pub fn from_sealed_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let Some((&VERSION, primes)) = bytes.split_first() else {
            return Err(Fault::Unopenable);
        };
        let open = |bytes: &[u8]| SafePrime::checked(Zeroizing::new(bytes.try_into().ok()?));
        let primes: Option<Vec<_>> = primes.chunks(PRIME_BYTES).take(5).map(open).collect();
        let primes = primes.and_then(|primes| <[SafePrime; 4]>::try_from(primes).ok());
        Self::new(primes.ok_or(Fault::Unopenable)?).map_err(|_| Fault::Unopenable)
    }

    pub(crate) fn into_integers(self) -> [Integer; 4] {
        self.0.each_ref().map(|prime| Integer::from_bytes_msf(prime.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::*;

    fn bytes(n: &Integer) -> Zeroizing<[u8; PRIME_BYTES]> {
        Zeroizing::new(n.to_bytes_msf().try_into().expect("192 bytes"))
    }

    #[test]
    fn a_found_prime_is_safe_full_size_and_the_search_can_pause() {
        let mut search = PrimeSearch::new(&mut OsRng);
        let mut slices = 0;
        let prime = loop {
            slices += 1;
            if let Some(prime) = search.slice(100) {
                break prime;
            }
        };
        assert!(search.tested() <= 100 * slices);
        let p = Integer::from_bytes_msf(prime.as_bytes());
        assert_eq!(p.significant_bits(), u64::from(PRIME_BITS));
        assert_eq!((p.mod_u(4), p.mod_u(3)), (3, 2));
        // The search's own tests and the independent one agree; so does a test with other bases.
        for base in [3u32, 5, 7, 11] {
            let base = Integer::from(base);
            assert!(base.pow_mod_ref(&(&p - 1u32), &p).is_some_and(|power| power.is_one()));
        }
        assert!(SafePrime::checked(bytes(&p)).is_some());
    }

    #[test]
    fn composites_unsafe_primes_and_short_primes_are_refused() {
        let mut search = PrimeSearch::new(&mut OsRng);
        let prime = search.slice(u32::MAX).expect("a search without end");
        let p = Integer::from_bytes_msf(prime.as_bytes());
        // p + 2 and p + 4 are no safe primes: 3 divides one, and (p + 3)/2 is even.
        for more in [2u32, 4] {
            assert!(SafePrime::checked(bytes(&(&p + more))).is_none());
        }
        let mut low = bytes(&p);
        low[0] &= 0x7f;
        assert!(SafePrime::checked(low).is_none());
    }

    #[test]
    fn a_pool_is_bounded_drops_repeats_and_gives_four_at_a_time() {
        // Numbers stand for primes: the pool looks at equality only.
        let stand_in = |n: u8| SafePrime(Box::new(Zeroizing::new([n; PRIME_BYTES])));
        let mut pool = PrimePool::for_preparations(1);
        for n in [1, 2, 2, 3] {
            assert!(pool.put(stand_in(n)).is_ok());
        }
        assert_eq!((pool.wanted(), pool.ready()), (1, 0));
        assert!(pool.take_four().is_none());
        assert!(pool.put(stand_in(4)).is_ok());
        assert!(pool.put(stand_in(5)).is_err(), "full");
        assert_eq!(pool.ready(), 1);
        let four = pool.take_four().expect("four different ones");
        assert_eq!((pool.wanted(), pool.ready()), (4, 0));
        // They are no primes, so they do not open again.
        assert!(PaillierPrimes::from_sealed_bytes(&four.to_sealed_bytes()).is_err());
        assert!(PaillierPrimes::new([1, 2, 3, 1].map(stand_in)).is_err());
    }
}
