//! Many users' backups, listed and restored on new devices: how long it takes, and that memory does
//! not grow with their number.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use sharekeep::{NewWallet, UnlockWith, WalletOutcome};
use sharekeep_recovery::RecoveryCode;
use sharekeep_schemas::{Protocol, Scheme};

use crate::row::ms;
use crate::statistics::percentile;
use crate::through_stack::Bench;

/// Users at work at once: enough to keep a small machine busy.
const AT_ONCE: usize = 4;

/// What was found.
#[derive(Serialize)]
pub(crate) struct Found {
    name: &'static str,
    users: u32,
    at_once: usize,
    /// Recovery set up and one wallet made, with its backup.
    setup_s: f64,
    /// Signed in on a new device, unlocked, listed and restored.
    restore_s: f64,
    /// Of one user, from signed in to restored.
    p50_ms: f64,
    p99_ms: f64,
    store_bytes: u64,
    memory: Vec<Memory>,
}

/// The most that a process held while users were restored.
#[derive(Serialize)]
struct Memory {
    process: &'static str,
    /// After a tenth of the users.
    peak_kib_after_a_tenth: u64,
    /// After all of them.
    peak_kib_after_all: u64,
}

/// Somebody whose device is lost.
struct Lost {
    name: String,
    recovery_code: String,
}

/// Makes users, loses their devices and restores all of them.
pub(crate) fn measure(bench: &Bench, users: u32) -> Result<Found> {
    let began = Instant::now();
    let lost = at_once(0..users, |_| make(bench))?;
    let setup_s = began.elapsed().as_secs_f64();
    let data = Path::new(bench.fact("data")?);
    let store_bytes = std::fs::read_dir(data.join("store"))?
        .map(|file| Ok(file?.metadata()?.len()))
        .sum::<Result<u64>>()?;

    bench.forget_peaks()?;
    let (tenth, began) = (users.div_ceil(10), Instant::now());
    let mut took = at_once(0..tenth, |number| restore(bench, &lost[number as usize]))?;
    let after_a_tenth = bench.peak_memory()?;
    took.extend(at_once(tenth..users, |number| restore(bench, &lost[number as usize]))?);
    let restore_s = began.elapsed().as_secs_f64();
    let memory = after_a_tenth.into_iter().zip(bench.peak_memory()?);
    Ok(Found {
        name: "restore/users",
        users,
        at_once: AT_ONCE,
        setup_s,
        restore_s,
        p50_ms: ms(percentile(&took, 50)),
        p99_ms: ms(percentile(&took, 99)),
        store_bytes,
        memory: memory
            .map(|((process, tenth), (_, all))| Memory {
                process,
                peak_kib_after_a_tenth: tenth,
                peak_kib_after_all: all,
            })
            .collect(),
    })
}

fn make(bench: &Bench) -> Result<Lost> {
    let wallet = NewWallet { scheme: Scheme::EddsaEd25519, protocol: Protocol::Frost, name: None };
    let user = bench.wait(bench.crowd().new_user(vec![]))?;
    bench.wait(user.device.user(bench.crowd()).create_wallet(&wallet))?;
    user.device.lose()?;
    Ok(Lost { name: user.name, recovery_code: user.recovery_code })
}

fn restore(bench: &Bench, lost: &Lost) -> Result<Duration> {
    let device = bench.wait(bench.crowd().sign_in(&lost.name))?;
    let began = Instant::now();
    let user = device.user(bench.crowd());
    let code = UnlockWith::RecoveryCode(RecoveryCode::parse(&lost.recovery_code)?);
    let report = bench.wait(async { user.restore(&user.unlock(code).await?, &[]).await })?;
    let took = began.elapsed();
    let mut outcomes = report.wallets.values();
    let only = outcomes.next().context("no backup was listed")?;
    let restored = matches!(only, WalletOutcome::Restored { prepared: true });
    ensure!(restored && outcomes.next().is_none(), "a restore brought {:?}", report.wallets);
    device.lose()?;
    Ok(took)
}

/// Does something for each number, several at once; in any order.
fn at_once<T: Send>(numbers: Range<u32>, work: impl Fn(u32) -> Result<T> + Sync) -> Result<Vec<T>> {
    let (next, work) = (AtomicU32::new(numbers.start), &work);
    let take = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return Ok(done);
            }
            done.push(work(number)?);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(take)).collect();
        let mut all = Vec::new();
        for thread in threads {
            let done: Result<Vec<T>> = thread.join().expect("a worker reports what goes wrong");
            all.extend(done?);
        }
        Ok(all)
    })
}

impl Found {
    /// For people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mib = |kib: u64| kib as f64 / 1024.0;
        let mut lines = vec![
            format!(
                "{} users, {} at once: made in {:.1} s, restored in {:.1} s ({:.1} a second); \
                 from signed in to restored p50 {:.1} ms, p99 {:.1} ms; the store's files hold {:.1} MiB",
                self.users,
                self.at_once,
                self.setup_s,
                self.restore_s,
                f64::from(self.users) / self.restore_s,
                self.p50_ms,
                self.p99_ms,
                self.store_bytes as f64 / f64::from(1 << 20),
            ),
            format!(
                "  {:20} {:>14} {:>14} {:>8}",
                "peak memory, MiB", "after a tenth", "after all", "growth"
            ),
        ];
        lines.extend(self.memory.iter().map(|memory| {
            let (tenth, all) = (memory.peak_kib_after_a_tenth, memory.peak_kib_after_all);
            let growth = all as f64 / tenth.max(1) as f64;
            format!(
                "  {:20} {:>14.1} {:>14.1} {growth:>7.2}x",
                memory.process,
                mib(tenth),
                mib(all),
            )
        }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_taken_once_and_a_failure_is_told() {
        let mut done = at_once(3..40, Ok).unwrap();
        done.sort_unstable();
        assert_eq!(done, (3..40).collect::<Vec<_>>());
        assert!(at_once(0..40, |n| if n == 7 { anyhow::bail!("no") } else { Ok(n) }).is_err());
        assert!(at_once(5..5, Ok).unwrap().is_empty());
    }
}
