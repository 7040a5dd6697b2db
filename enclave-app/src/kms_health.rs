use std::sync::atomic::{AtomicU64, Ordering};

/// How long a failed call counts, in seconds. While something is asked of KMS it is asked again
/// sooner; where nothing is, an outage that nobody met again must not be told for ever.
const FAILURE_COUNTS_S: u64 = 120;

/// When KMS last answered, and when it last did not, in seconds since 1970; 0 before.
#[derive(Default)]
pub(crate) struct KmsHealth {
    ok_at: AtomicU64,
    failed_at: AtomicU64,
}

impl KmsHealth {
    pub(crate) fn answered(&self, now: u64) {
        self.ok_at.store(now, Ordering::Relaxed);
        self.failed_at.store(0, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, now: u64) {
        self.failed_at.store(now, Ordering::Relaxed);
    }

    /// Whether a call failed lately and none was answered since.
    pub(crate) fn is_failing(&self, now: u64) -> bool {
        let failed_at = self.failed_at.load(Ordering::Relaxed);
        failed_at != 0 && now.saturating_sub(failed_at) <= FAILURE_COUNTS_S
    }

    /// How long ago it last answered, in seconds.
    pub(crate) fn ok_age_s(&self, now: u64) -> Option<u64> {
        let ok_at = self.ok_at.load(Ordering::Relaxed);
        (ok_at != 0).then(|| now.saturating_sub(ok_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_nobody_meets_again_is_over_by_itself() {
        let kms = KmsHealth::default();
        assert!(!kms.is_failing(1_000));
        kms.failed(1_000);
        assert!(kms.is_failing(1_000) && kms.is_failing(1_120));
        assert!(!kms.is_failing(1_121));
    }

    #[test]
    fn a_failure_that_is_met_again_goes_on_and_an_answer_ends_it() {
        let kms = KmsHealth::default();
        assert_eq!(kms.ok_age_s(1_000), None);
        kms.failed(1_000);
        kms.failed(1_100);
        assert!(kms.is_failing(1_200));
        kms.answered(1_200);
        assert!(!kms.is_failing(1_200));
        assert_eq!(kms.ok_age_s(1_203), Some(3));
    }
}
