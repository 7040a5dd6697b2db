use super::{say, step};
use crate::Error;
use crate::core::time_of_document;
use crate::ports::Nsm;
use rustix::time::{ClockId, Timespec, clock_settime};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far the kernel's clock may be from the security module's. The core counts in seconds and bears
/// steps of two of them.
const MAX_DRIFT: Duration = Duration::from_secs(1);
/// How often the clocks are compared. A processor's clock takes days for a second; one that is emulated on a
/// busy machine may stand still for seconds.
const INTERVAL: Duration = Duration::from_secs(10);
/// From here on it is worth a line.
const NOTEWORTHY: Duration = Duration::from_secs(60);

/// Sets the kernel's clock by the security module's. The host tells the kernel the time at its start, and
/// is not believed; nobody else in a guest keeps a clock right, which drifts by minutes in weeks.
///
/// # Errors
/// [`Error::Nsm`], and [`Error::Guest`] when the kernel refuses.
pub(super) fn set_clock(nsm: &dyn Nsm) -> Result<(), Error> {
    let document = nsm.attest(None, None, None)?;
    let theirs = time_of_document(&document).ok_or(Error::Nsm("a document without a time"))?;
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if theirs.abs_diff(ours) > NOTEWORTHY {
        say(format_args!("the clock was {} s off", theirs.abs_diff(ours).as_secs()));
    }
    match correction(theirs, ours) {
        Some(time) => clock_settime(ClockId::Realtime, time).map_err(step("set the clock")),
        None => Ok(()),
    }
}

/// Sets the clock again and again. What happens when the security module does not answer is the core's
/// decision: it compares for itself before it believes a time.
pub async fn keep_clock(nsm: Arc<dyn Nsm>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        if let Err(error) = set_clock(&*nsm) {
            tracing::warn!(%error, "the clock is not compared");
        }
    }
}

/// What the kernel's clock must be set to, if at all.
fn correction(theirs: Duration, ours: Duration) -> Option<Timespec> {
    let seconds = i64::try_from(theirs.as_secs()).ok()?;
    (theirs.abs_diff(ours) > MAX_DRIFT)
        .then(|| Timespec { tv_sec: seconds, tv_nsec: theirs.subsec_nanos().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(1_790_000_000_250);

    #[test]
    fn a_clock_that_is_set_to_another_time_is_set_to_the_nsms_either_way() {
        let wanted = Timespec { tv_sec: 1_790_000_000, tv_nsec: 250_000_000 };
        let off = Duration::from_millis(1_001);
        for wrong in [Duration::ZERO, NOW - off, NOW + off, NOW * 2, Duration::MAX] {
            assert_eq!(correction(NOW, wrong), Some(wanted), "{wrong:?}");
        }
    }

    #[test]
    fn a_clock_that_is_right_is_left_alone() {
        for near in [NOW, NOW - MAX_DRIFT, NOW + MAX_DRIFT] {
            assert_eq!(correction(NOW, near), None);
        }
    }
}
