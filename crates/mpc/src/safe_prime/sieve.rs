//! The double sieve: strikes out x where a small prime divides x or 2x + 1.

use std::sync::OnceLock;

/// Primes below this bound sieve. Doubling it costs as much in sieving as it saves in tests.
const BOUND: usize = 1 << 19;
/// Candidates x₀ + 6i of one window.
pub(super) const WINDOW: usize = 1 << 15;

/// The primes 5 ≤ q < [`BOUND`].
fn small_primes() -> &'static [u32] {
    static PRIMES: OnceLock<Vec<u32>> = OnceLock::new();
    PRIMES.get_or_init(|| {
        let mut composite = vec![false; BOUND];
        let mut primes = Vec::new();
        for n in 2..BOUND {
            if composite[n] {
                continue;
            }
            if n > 3 {
                primes.push(n as u32);
            }
            (n * n..BOUND).step_by(n).for_each(|multiple| composite[multiple] = true);
        }
        primes
    })
}

/// The indexes i < [`WINDOW`] for which neither x = x₀ + 6i nor 2x + 1 has a small factor, given
/// x₀'s residues. x₀ ≡ 5 (mod 6) takes care of 2 and 3.
pub(super) fn survivors(residue_of_x0: impl Fn(u32) -> u32) -> Vec<u32> {
    let mut struck = vec![false; WINDOW];
    for &q in small_primes() {
        let residue = u64::from(residue_of_x0(q));
        let q = u64::from(q);
        let inverse_of_6 = inverse_of_6(q);
        // x ≡ 0, and 2x + 1 ≡ 0, that is x ≡ (q − 1)/2.
        for target in [0, (q - 1) / 2] {
            let first = (target + q - residue) % q * inverse_of_6 % q;
            (first as usize..WINDOW).step_by(q as usize).for_each(|i| struck[i] = true);
        }
    }
    (0..WINDOW as u32).filter(|i| !struck[*i as usize]).collect()
}

/// 6⁻¹ mod q for a prime q ≥ 5: q is ±1 mod 6, so one of q + 1 and 5q + 1 is a multiple of 6.
fn inverse_of_6(q: u64) -> u64 {
    if q % 6 == 5 { (q + 1) / 6 } else { (5 * q + 1) / 6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_times_its_inverse_is_one() {
        for &q in &small_primes()[..1000] {
            assert_eq!(6 * inverse_of_6(u64::from(q)) % u64::from(q), 1);
        }
    }

    #[test]
    fn the_sieve_strikes_out_exactly_the_candidates_with_small_factors() {
        // Small enough for trial division, large enough that no candidate is a small prime itself.
        let x0: u64 = 6 * 1_000_000_000_007 + 5;
        let survivors = survivors(|q| (x0 % u64::from(q)) as u32);
        for i in 0..2000u32 {
            let x = x0 + 6 * u64::from(i);
            let clean = small_primes()
                .iter()
                .all(|&q| !x.is_multiple_of(q.into()) && !(2 * x + 1).is_multiple_of(q.into()));
            assert_eq!(survivors.contains(&i), clean, "x0 + 6*{i}");
        }
    }
}
