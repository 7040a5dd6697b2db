use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock with an offset that tests can change. Clones share it. The enclave compares
/// it with its NSM's, which has none, and answers only while they agree within the allowed skew.
#[derive(Clone, Default, Debug)]
pub struct AdjustableClock {
    offset_s: Arc<AtomicI64>,
}

impl AdjustableClock {
    /// Sets how far it is ahead of the machine's clock, in seconds; negative for behind.
    pub fn set_offset_s(&self, seconds: i64) {
        self.offset_s.store(seconds, Ordering::Relaxed);
    }

    /// Seconds since 1970, by this clock.
    pub fn unix_s(&self) -> u64 {
        self.unix_ms() / 1000
    }

    fn unix_ms(&self) -> u64 {
        let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let ms = i64::try_from(passed).unwrap_or(i64::MAX);
        let offset = self.offset_s.load(Ordering::Relaxed).saturating_mul(1000);
        u64::try_from(ms.saturating_add(offset)).unwrap_or(0)
    }
}

impl sharekeep_enclave_app::ports::Clock for AdjustableClock {
    fn now_unix_s(&self) -> u64 {
        self.unix_s()
    }
}

impl sharekeep_functions::Clock for AdjustableClock {
    fn now_unix_ms(&self) -> u64 {
        self.unix_ms()
    }
}
