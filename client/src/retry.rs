//! When to try again, and when to stop: a pure decision.
//!
//! A request may be repeated because every POST carries an `Idempotency-Key` and the repetition is
//! the identical sealed body: it can have no second effect.

use std::time::Duration;

/// How patient a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryPolicy {
    /// Pause before the first repetition; doubled each time.
    pub first_pause: Duration,
    /// Longest pause that is not asked for by the service.
    pub longest_pause: Duration,
    /// When to give up, counted from the first try. A pause that would end later is not begun.
    pub patience: Duration,
    /// When to give up on a service that does not answer at all.
    pub patience_with_silence: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            patience_with_silence: Duration::from_secs(10),
        }
    }
}

/// Why a try failed, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// No answer, or one that never reached the service (a gateway's 502 to 504).
    NoAnswer,
    /// The service asks to come back.
    Later(Option<Duration>),
    /// It will not get better.
    Final,
}

impl RetryPolicy {
    /// How long to wait before the next try, or that there is none. `tries` counts those that
    /// failed; `jitter` is uniform in 0..=255 and spreads clients that failed together.
    pub(crate) fn pause(
        &self,
        failure: Failure,
        tries: u32,
        elapsed: Duration,
        jitter: u8,
    ) -> Option<Duration> {
        let (asked, patience) = match failure {
            Failure::Final => return None,
            Failure::NoAnswer => (None, self.patience_with_silence.min(self.patience)),
            Failure::Later(asked) => (asked, self.patience),
        };
        let doubled = self.first_pause.saturating_mul(1 << tries.saturating_sub(1).min(16));
        // Between half and all of it; never earlier than asked.
        let spread = doubled.min(self.longest_pause).mul_f64(0.5 + f64::from(jitter) / 510.0);
        let pause =
            asked.map_or(spread, |asked| asked.saturating_add(spread.min(self.first_pause)));
        (elapsed.saturating_add(pause) <= patience).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_secs(1),
        patience: Duration::from_secs(10),
        patience_with_silence: Duration::from_secs(3),
    };

    #[test]
    fn a_final_refusal_is_never_repeated() {
        assert_eq!(POLICY.pause(Failure::Final, 1, Duration::ZERO, 0), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pause = |tries| POLICY.pause(Failure::NoAnswer, tries, Duration::ZERO, 255).unwrap();
        assert_eq!(pause(1), Duration::from_millis(100));
        assert_eq!(pause(2), Duration::from_millis(200));
        assert_eq!(pause(30), Duration::from_secs(1));
    }

    #[test]
    fn retry_after_is_honoured() {
        let asked = Failure::Later(Some(Duration::from_secs(3)));
        assert!(POLICY.pause(asked, 1, Duration::ZERO, 0).unwrap() >= Duration::from_secs(3));
    }

    #[test]
    fn a_pause_beyond_the_patience_is_not_begun() {
        let asked = Failure::Later(Some(Duration::from_secs(11)));
        assert_eq!(POLICY.pause(asked, 1, Duration::ZERO, 0), None);
        assert_eq!(POLICY.pause(Failure::Later(None), 1, Duration::from_secs(10), 0), None);
    }

    #[test]
    fn the_longest_retry_after_there_is_does_not_stop_the_client_by_a_panic() {
        let policy = RetryPolicy { first_pause: Duration::from_secs(1), ..POLICY };
        let asked = Failure::Later(Some(Duration::from_secs(u64::MAX)));
        assert_eq!(policy.pause(asked, 1, Duration::ZERO, 255), None);
    }

    #[test]
    fn silence_is_waited_for_less_than_an_answer_that_says_later() {
        let at = Duration::from_secs(4);
        assert_eq!(POLICY.pause(Failure::NoAnswer, 1, at, 0), None);
        assert!(POLICY.pause(Failure::Later(None), 1, at, 0).is_some());
    }

    #[test]
    fn jitter_only_shortens_down_to_half() {
        let shortest = POLICY.pause(Failure::NoAnswer, 1, Duration::ZERO, 0).unwrap();
        assert_eq!(shortest, Duration::from_millis(50));
    }
}
