use crate::ports::{Draw, Entropy};
use sharekeep_mpc::safe_prime::{
    EXPECTED_CANDIDATES, PaillierPrimes, PrimePool, PrimeSearch, SafePrime,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Safe primes for one preparation.
const PER_SET: usize = 4;
/// Candidates tried before a searcher looks up again: some milliseconds.
const SLICE: u32 = 8;
/// How long a searcher sleeps while there is other work, or nothing to do.
const PAUSE: Duration = Duration::from_millis(20);
/// Microseconds a candidate takes, before it was measured.
const GUESSED_CANDIDATE_US: u64 = 1_000;

/// Safe primes that are ready, and how fast more are found.
pub struct PrimeStock {
    pool: Mutex<PrimePool>,
    /// Whole sets that were found elsewhere; used first.
    sets: Mutex<Vec<PaillierPrimes>>,
    preparations: usize,
    candidates: AtomicU64,
    microseconds: AtomicU64,
    searchers: AtomicU64,
}

impl PrimeStock {
    /// An empty stock that wants primes for this many preparations.
    pub fn new(sets: usize) -> Self {
        let preparations = u16::try_from(sets).unwrap_or(u16::MAX);
        Self {
            pool: Mutex::new(PrimePool::for_preparations(preparations)),
            sets: Mutex::default(),
            preparations: preparations.into(),
            candidates: AtomicU64::new(0),
            microseconds: AtomicU64::new(0),
            searchers: AtomicU64::new(0),
        }
    }

    /// Adds a prime; one too many is dropped.
    pub fn add(&self, prime: SafePrime) {
        let _ = self.lock().put(prime);
    }

    /// Adds a set that was found somewhere else.
    pub fn add_set(&self, primes: PaillierPrimes) {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).push(primes);
    }

    /// The primes of one preparation. They are gone then, whatever becomes of it.
    pub fn take(&self) -> Option<PaillierPrimes> {
        let set = self.sets.lock().unwrap_or_else(PoisonError::into_inner).pop();
        set.or_else(|| self.lock().take_four())
    }

    /// For how many preparations there are primes.
    pub fn ready(&self) -> usize {
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner).len();
        sets + self.lock().ready()
    }

    /// For how many there shall be.
    pub fn wanted(&self) -> usize {
        self.preparations
    }

    /// How long the next preparation will probably have to wait, in seconds: the candidates that
    /// are still expected, at the speed measured so far.
    pub fn seconds_to_next(&self) -> u32 {
        let found = PER_SET * self.preparations - self.lock().wanted();
        let missing = PER_SET.saturating_sub(found) as u64;
        let candidates = self.candidates.load(Ordering::Relaxed);
        let each_us = match candidates {
            0 => GUESSED_CANDIDATE_US,
            tried => self.microseconds.load(Ordering::Relaxed).div_ceil(tried).max(1),
        };
        let searchers = self.searchers.load(Ordering::Relaxed).max(1);
        let us = missing.saturating_mul(EXPECTED_CANDIDATES).saturating_mul(each_us) / searchers;
        u32::try_from(us.div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PrimePool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full(&self) -> bool {
        self.lock().wanted() == 0
    }
}

/// Threads of the lowest priority that fill a stock while nothing else wants the CPU. They end
/// when this is dropped.
pub struct PrimeFiller {
    stop: Arc<AtomicBool>,
}

impl PrimeFiller {
    /// Starts the search, on as many threads.
    pub fn start(
        stock: &Arc<PrimeStock>,
        threads: usize,
        entropy: &Arc<dyn Entropy>,
        idle: impl Fn() -> bool + Send + Clone + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for number in 0..threads {
            let (stock, entropy) = (stock.clone(), entropy.clone());
            let (stop, idle) = (stop.clone(), idle.clone());
            let search = move || search(&stock, &*entropy, &stop, &idle);
            let name = format!("primes-{number}");
            if thread::Builder::new().name(name).spawn(search).is_err() {
                tracing::warn!("a thread of the prime search could not be started");
            }
        }
        Self { stop }
    }
}

impl Drop for PrimeFiller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn search(stock: &PrimeStock, entropy: &dyn Entropy, stop: &AtomicBool, idle: &impl Fn() -> bool) {
    // Only a wish: where it is not granted, the pauses below still let steps go first.
    let _ = rustix::process::nice(19);
    stock.searchers.fetch_add(1, Ordering::Relaxed);
    let mut search = PrimeSearch::new(&mut Draw(entropy));
    while !stop.load(Ordering::Relaxed) {
        if !idle() || stock.is_full() {
            thread::sleep(PAUSE);
            continue;
        }
        let (begun, before) = (Instant::now(), search.tested());
        let found = search.slice(SLICE);
        let tested = search.tested().saturating_sub(before);
        stock.candidates.fetch_add(tested, Ordering::Relaxed);
        let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        stock.microseconds.fetch_add(us, Ordering::Relaxed);
        if let Some(prime) = found {
            stock.add(prime);
            search = PrimeSearch::new(&mut Draw(entropy));
        }
    }
    stock.searchers.fetch_sub(1, Ordering::Relaxed);
}
