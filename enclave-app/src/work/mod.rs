//! CPU: a bounded pool of threads for ceremonies' steps, and the search for primes in the time
//! they leave.

mod pool;
mod primes;

pub use pool::{PoolFull, WorkPool};
pub use primes::{PrimeFiller, PrimeStock};
