//! CPU time, in nanoseconds: of this thread, of processes, and of some threads of a process.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

fn read(clock: ClockId) -> Result<Duration> {
    Ok(clock_gettime(clock)?.into())
}

/// CPU time of the calling thread so far.
pub(crate) fn of_thread() -> Duration {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a thread has a clock")
}

/// CPU time of a process so far, all threads, ended ones too.
pub(crate) fn of_process(pid: u32) -> Result<Duration> {
    let pid = Pid::from_raw(pid.try_into()?);
    read(clock_getcpuclockid(pid).context("a process is gone")?)
}

/// CPU time so far of those threads of a process that run now and whose name starts so.
pub(crate) fn of_threads_named(pid: u32, prefix: &str) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).context("a process is gone")? {
        let thread = thread?.path();
        // A thread may end meanwhile.
        let Ok(name) = std::fs::read_to_string(thread.join("comm")) else { continue };
        if name.starts_with(prefix) {
            // Time on the CPU, time waiting for one, and how often it ran.
            let times = std::fs::read_to_string(thread.join("schedstat"))?;
            let on_cpu = times.split_ascii_whitespace().next().and_then(|t| t.parse::<u64>().ok());
            nanoseconds += on_cpu.context("the kernel keeps no times of threads")?;
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The most memory a process has held so far, in KiB.
pub(crate) fn peak_memory_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next());
    kib.and_then(|kib| kib.parse().ok()).context("the kernel does not say the peak")
}

/// Makes a process's peak what it holds now.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    // proc_pid_clear_refs(5): "5" resets the peak and nothing else.
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_up_in_every_clock() {
        let worker = std::thread::Builder::new().name("worker-1".to_owned());
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let (say, hear) = std::sync::mpsc::channel();
        let pid = std::process::id();
        let before = of_process(pid).unwrap();
        let worker = worker.spawn(move || {
            let mut sum = 0_u64;
            while of_thread() < Duration::from_millis(60) {
                sum = sum.wrapping_add(std::hint::black_box(sum) ^ 1);
            }
            say.send(()).unwrap();
            let _ = wait.recv();
        });
        hear.recv().unwrap();
        assert!(of_process(pid).unwrap() - before >= Duration::from_millis(60));
        // The kernel brings this one up to date when the thread leaves the CPU.
        assert!(of_threads_named(pid, "worker-").unwrap() >= Duration::from_millis(50));
        assert_eq!(of_threads_named(pid, "no such name").unwrap(), Duration::ZERO);
        drop(done);
        worker.unwrap().join().unwrap();
        assert!(peak_memory_kib(pid).unwrap() > 100);
    }

    #[test]
    fn a_peak_that_was_forgotten_does_not_show() {
        let pid = std::process::id();
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        let before = peak_memory_kib(pid).unwrap();
        drop(held);
        forget_peak(pid).unwrap();
        assert!(peak_memory_kib(pid).unwrap() + (32 << 10) < before);
    }
}
