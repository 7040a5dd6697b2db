//! The time, in seconds since 1970, as everything on the wire counts it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, by this device's clock. A clock before 1970 counts as 1970: everything then is refused as
/// not valid yet, which is the safe side.
pub(crate) fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
