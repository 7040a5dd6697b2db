use rand_core::RngCore;
use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses between tries to reach a service that is away: each up to twice the one before. Each is
/// shortened by up to half at random: what failed for all tenants at once must not come back in step.
pub(crate) struct Backoff {
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { longest: FIRST }
    }
}

impl Backoff {
    /// How long to wait before the next try.
    pub(crate) fn next(&mut self, rng: &mut impl RngCore) -> Duration {
        let longest = self.longest;
        self.longest = (longest * 2).min(LONGEST);
        let shortened = f64::from(rng.next_u32()) / f64::from(u32::MAX);
        longest - longest.mul_f64(shortened / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;
    use std::collections::BTreeSet;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let mut pauses = Backoff::default();
        for longest in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
            let pause = pauses.next(&mut OsRng);
            assert!(longest / 2 <= pause && pause <= longest, "{pause:?} of {longest:?}");
        }
    }

    #[test]
    fn those_who_failed_together_do_not_come_back_together() {
        let pauses: BTreeSet<_> = (0..20).map(|_| Backoff::default().next(&mut OsRng)).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
    }
}
