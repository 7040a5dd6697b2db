use super::stop::Refusal;
use super::{Core, lock};
use crate::Error;
use sharekeep_schemas::ProblemCode;
use std::time::{Duration, Instant};

/// How long a comparison with the NSM's clock counts.
const COMPARISON_LIFE: Duration = Duration::from_secs(10);
/// How far the kernel's clock may be from where it was, plus what has passed since, in seconds,
/// before it counts as stepped and is compared at once.
const MAX_STEP_S: u64 = 2;

/// What this life knows of the time. The host can set the kernel's clock: forward, to have marks
/// expire, and back, to use once more what they stood for. So decisions never go back in time.
#[derive(Default)]
pub(super) struct Time {
    /// The latest time that anything was decided at.
    latest_unix_s: u64,
    compared: Option<Compared>,
}

/// The kernel's clock agreed with the NSM's.
struct Compared {
    kernel_unix_s: u64,
    at: Instant,
}

impl Compared {
    fn still_holds(&self, kernel_unix_s: u64, at: Instant) -> bool {
        let passed = at.saturating_duration_since(self.at);
        let expected = self.kernel_unix_s.saturating_add(passed.as_secs());
        passed < COMPARISON_LIFE && kernel_unix_s.abs_diff(expected) <= MAX_STEP_S
    }
}

impl Core {
    /// The time to decide at when the kernel's clock says `kernel_unix_s`. A clock that is wrong
    /// moves nothing, so that setting it right again mends everything.
    pub(super) fn time(&self, kernel_unix_s: u64) -> Result<u64, Refusal> {
        self.time_at(kernel_unix_s, Instant::now()).map_err(|error| {
            tracing::warn!(%error, "no call is decided");
            Refusal {
                detail: Some("the enclave's clock is being set"),
                ..Refusal::later(ProblemCode::EnclaveUnavailable, 10)
            }
        })
    }

    /// The time to note of what came from outside: the latest one where the clock is wrong.
    pub(super) fn time_or_latest(&self, kernel_unix_s: u64) -> u64 {
        self.time(kernel_unix_s).unwrap_or_else(|_| lock(&self.time).latest_unix_s)
    }

    fn time_at(&self, kernel_unix_s: u64, at: Instant) -> Result<u64, Error> {
        let mut time = lock(&self.time);
        let holds = |compared: &Compared| compared.still_holds(kernel_unix_s, at);
        if !time.compared.as_ref().is_some_and(holds) {
            time.compared = None;
            self.check_clock(kernel_unix_s)?;
            time.compared = Some(Compared { kernel_unix_s, at });
        }
        time.latest_unix_s = time.latest_unix_s.max(kernel_unix_s);
        Ok(time.latest_unix_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::World;

    #[test]
    fn a_clock_that_drifts_away_is_noticed_within_ten_seconds() {
        let world = World::new();
        let (start, at) = (world.now.get(), Instant::now());
        let after = |s| at + Duration::from_secs(s);
        assert_eq!(world.core.time_at(start, at).unwrap(), start);
        // The NSM's clock moves away by itself, which no step gives away.
        world.pass(3_600);
        assert_eq!(world.core.time_at(start + 9, after(9)).unwrap(), start + 9);
        let noticed = world.core.time_at(start + 10, after(10));
        assert!(matches!(noticed, Err(Error::Clock(3_590))));
        // And stays noticed until it is right.
        assert!(world.core.time_at(start + 10, after(10)).is_err());
        assert!(world.core.time_at(start + 3_600, after(10)).is_ok());
    }

    #[test]
    fn the_nsm_is_not_asked_at_every_call() {
        let world = World::new();
        let (start, at) = (world.now.get(), Instant::now());
        for s in 0..30 {
            world.core.time_at(start + s, at + Duration::from_secs(s)).unwrap();
        }
        assert_eq!(world.attestations(), 3);
    }
}
