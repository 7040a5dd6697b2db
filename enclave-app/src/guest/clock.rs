use super::{say, step};
use crate::Error;
use crate::core::time_of_document;
use crate::ports::Nsm;
use rustix::time::{ClockId, Timespec, clock_settime};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::spawn_blocking;

/// How far the kernel's clock may be from the security module's. The core counts in seconds and bears
/// steps of two of them.
const MAX_DRIFT: Duration = Duration::from_secs(1);
/// How often the clocks are compared. A processor's clock takes days for a second; one that is emulated on a
/// busy machine may stand still for seconds.
const INTERVAL: Duration = Duration::from_secs(10);
/// Longest time between the question and the use of the answer. A processor that stood still in between
/// makes of the module's time the past, and the clock would be set back.
const MAX_ASKING: Duration = Duration::from_millis(500);
/// How often the module is asked until one answer is fresh.
const TRIES: usize = 5;
/// From here on it is worth a line.
const NOTEWORTHY: Duration = Duration::from_secs(60);

/// Sets the kernel's clock by the security module's. The host tells the kernel the time at its start, and
/// is not believed; nobody else in a guest keeps a clock right, which drifts by minutes in weeks.
///
/// # Errors
/// [`Error::Nsm`], also when no answer is fresh, and [`Error::Guest`] when the kernel refuses.
pub(super) fn set_clock(nsm: &dyn Nsm) -> Result<(), Error> {
    let told = || {
        let document = nsm.attest(None, None, None)?;
        time_of_document(&document).ok_or(Error::Nsm("a document without a time"))
    };
    let read = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (theirs, ours) = fresh(told, read)?;
    if theirs.abs_diff(ours) > NOTEWORTHY {
        say(format_args!("the clock was {} s off", theirs.abs_diff(ours).as_secs()));
    }
    match correction(theirs, ours) {
        Some(time) => clock_settime(ClockId::Realtime, time).map_err(step("set the clock")),
        None => Ok(()),
    }
}

/// The module's time and the kernel's, of the same moment.
fn fresh(
    mut told: impl FnMut() -> Result<Duration, Error>,
    mut read: impl FnMut() -> Duration,
) -> Result<(Duration, Duration), Error> {
    for _ in 0..TRIES {
        let before = read();
        let theirs = told()?;
        let after = read();
        if before.abs_diff(after) <= MAX_ASKING {
            return Ok((theirs, after));
        }
    }
    Err(Error::Nsm("its time is old when it arrives"))
}

/// Sets the clock again and again. What happens when the security module does not answer is the core's
/// decision: it compares for itself before it believes a time.
pub async fn keep_clock(nsm: Arc<dyn Nsm>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let nsm = Arc::clone(&nsm);
        // The module is asked on a thread of its own: a slow one holds up nobody's connection.
        match spawn_blocking(move || set_clock(&*nsm)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the clock is not compared"),
            Err(error) => tracing::warn!(%error, "the clock is not compared"),
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
    use std::cell::Cell;

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
    fn a_time_that_grew_old_while_the_processor_stood_still_sets_no_clock() {
        let slow = MAX_ASKING + Duration::from_millis(1);
        let asked = |pauses: &[Duration]| {
            let clock = Cell::new(NOW);
            let mut pauses = pauses.iter();
            let told = || {
                let theirs = clock.get();
                clock.set(theirs + *pauses.next().expect("it is not asked again"));
                Ok(theirs)
            };
            fresh(told, || clock.get())
        };
        let second = asked(&[slow, MAX_ASKING]).expect("the second answer is fresh");
        assert_eq!(second, (NOW + slow, NOW + slow + MAX_ASKING));
        assert!(matches!(
            asked(&[slow; TRIES]),
            Err(Error::Nsm("its time is old when it arrives"))
        ));
    }

    #[test]
    fn a_module_that_refuses_is_not_asked_again() {
        let mut asked = 0;
        let refused = fresh(
            || {
                asked += 1;
                Err(Error::Nsm("no"))
            },
            || NOW,
        );
        assert!(matches!(refused, Err(Error::Nsm("no"))));
        assert_eq!(asked, 1);
    }

    #[test]
    fn a_clock_that_is_right_is_left_alone() {
        for near in [NOW, NOW - MAX_DRIFT, NOW + MAX_DRIFT] {
            assert_eq!(correction(NOW, near), None);
        }
    }
}
