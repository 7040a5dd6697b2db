use std::time::{SystemTime, UNIX_EPOCH};

/// What time it is. Nothing secret hangs on a function's clock: the enclave checks every time
/// itself by its own.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_unix_ms(&self) -> u64;

    /// Seconds since 1970.
    fn now_unix_s(&self) -> u64 {
        self.now_unix_ms() / 1000
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_unix_ms(&self) -> u64 {
        // A clock before 1970 makes every signature stale, which is the safe side.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
