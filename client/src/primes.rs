//! The device's search for safe primes, on all cores, in threads of its own.

use crate::progress::PrimeProgress;
use rand_core::OsRng;
use sharekeep_mpc::safe_prime::{EXPECTED_CANDIDATES, PaillierPrimes, PrimePool, PrimeSearch};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Primes of one preparation.
const NEEDED: usize = 4;
/// Candidates between two looks at whether to go on: about 50 ms.
const SLICE: u32 = 50;
/// How often a waiting caller looks.
const POLL: Duration = Duration::from_millis(100);

/// A running search for the four primes of one preparation. Dropping it ends the search.
pub struct PrimeFinder {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    began: Instant,
}

struct Shared {
    pool: Mutex<PrimePool>,
    tested: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    fn pool(&self) -> MutexGuard<'_, PrimePool> {
        // A pool holds whole primes or none: sound even after a panic elsewhere.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn search(&self) {
        let mut search = PrimeSearch::new(&mut OsRng);
        let mut counted = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let found = search.slice(SLICE);
            self.tested.fetch_add(search.tested() - counted, Ordering::Relaxed);
            counted = search.tested();
            if let Some(prime) = found {
                let mut pool = self.pool();
                // A full pool gives it back, and it is erased: another thread was faster.
                let _surplus = pool.put(prime);
                if pool.wanted() == 0 {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

impl PrimeFinder {
    /// Starts searching on all cores.
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            pool: Mutex::new(PrimePool::for_preparations(1)),
            tested: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = (0..threads)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.search())
            })
            .collect();
        Self { shared, workers, began: Instant::now() }
    }

    /// How it goes.
    pub fn progress(&self) -> PrimeProgress {
        let found = NEEDED - self.shared.pool().wanted();
        let tested = self.shared.tested.load(Ordering::Relaxed);
        estimate(found, tested, self.began.elapsed())
    }

    /// Waits for the four primes. `None` if the searching threads died.
    pub async fn primes(mut self, report: impl Fn(PrimeProgress)) -> Option<PaillierPrimes> {
        loop {
            report(self.progress());
            let idle = self.workers.iter().all(JoinHandle::is_finished);
            let four = self.shared.pool().take_four();
            if four.is_some() {
                self.stop();
                return four;
            }
            if idle {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            // A worker that panicked found nothing; the others count.
            let _ = worker.join();
        }
    }
}

impl Drop for PrimeFinder {
    fn drop(&mut self) {
        self.stop();
    }
}

fn estimate(found: usize, tested: u64, elapsed: Duration) -> PrimeProgress {
    let expected_still = (NEEDED - found) as u64 * EXPECTED_CANDIDATES;
    let expected_time =
        (tested > 0).then(|| elapsed.mul_f64(expected_still as f64 / tested as f64));
    PrimeProgress { found: found as u32, tested, expected_still, expected_time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_luck_does_not_shrink_the_estimate() {
        let early = estimate(0, 1_000, Duration::from_secs(1));
        let unlucky = estimate(0, 100_000, Duration::from_secs(100));
        assert_eq!(early.expected_still, unlucky.expected_still);
        assert_eq!(early.expected_time, unlucky.expected_time);
    }

    #[test]
    fn each_prime_found_takes_its_part_off() {
        let half = estimate(2, 4_000, Duration::from_secs(4));
        assert_eq!(half.expected_still, 2 * EXPECTED_CANDIDATES);
        assert_eq!(estimate(4, 9_000, Duration::from_secs(9)).expected_still, 0);
    }

    #[test]
    fn dropping_the_finder_ends_the_search() {
        let finder = PrimeFinder::start();
        let shared = Arc::clone(&finder.shared);
        drop(finder);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
