//! CPU time: of this thread, of this process, and of other processes.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let nanos = u32::try_from(time.tv_nsec).expect("the kernel keeps nanoseconds below 10^9");
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}

/// CPU time of the calling thread so far.
pub(crate) fn of_thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// CPU time of this process so far, all threads.
pub(crate) fn of_this_process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// CPU time of another process so far, all threads, ended ones too. The kernel counts in ticks of
/// 10 ms: measure many repetitions.
pub(crate) fn of_process(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("a process is gone")?;
    // The second field is the name in parentheses, and may hold anything.
    let after_name = stat.rsplit_once(')').context("not a stat line")?.1;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok());
    // proc(5): utime is field 14 and stime field 15; the first here is field 3.
    let spent = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
    let spent = spent.context("not a stat line")?;
    Ok(Duration::from_millis(spent * 1000 / rustix::param::clock_ticks_per_second()))
}

/// The most memory a process has held so far, in KiB.
pub(crate) fn peak_memory_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next());
    kib.and_then(|kib| kib.parse().ok()).context("the kernel does not say the peak")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_up_in_every_clock() {
        let (thread, process) = (of_thread(), of_this_process());
        let mut sum = 0_u64;
        while of_thread() - thread < Duration::from_millis(60) {
            sum = sum.wrapping_add(std::hint::black_box(sum) ^ 1);
        }
        // The two clocks are not read at the same moment.
        assert!(of_this_process() - process >= Duration::from_millis(50));
        assert!(of_process(std::process::id()).unwrap() >= Duration::from_millis(40));
        assert!(peak_memory_kib(std::process::id()).unwrap() > 100);
    }
}
