//! Telling whoever waits how it goes.

use sharekeep_schemas::ProblemCode;
use std::time::Duration;

/// Something long that is going on.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Step {
    /// A ceremony's messages go to and fro.
    Ceremony {
        /// Which step of the exchange.
        step: u32,
    },
    /// Primes are being searched on this device.
    Primes(PrimeProgress),
    /// The service asks to come back later.
    Waiting {
        /// Why, if it said so.
        code: Option<ProblemCode>,
        /// How long.
        pause: Duration,
    },
    /// The newest preparation did not get into the backups: a restored device will have to make
    /// its own before it signs.
    BackupsBehind,
    /// Backups are fetched and opened.
    Restoring {
        /// How many were.
        done: u32,
        /// Of how many.
        of: u32,
    },
    /// A guess at a passcode is on its way.
    Guessing,
    /// The enclave has answered it; now this device computes for a good part of a second.
    Stretching,
    /// Something is being made ready once, so that signing is fast afterwards.
    Preparing,
}

/// How a search for the four safe primes of a preparation goes. Finding one is luck: after any
/// number of misses as many are still expected, so the estimate does not shrink by waiting, only
/// by finding.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PrimeProgress {
    /// Primes found, of four.
    pub found: u32,
    /// Candidates tested.
    pub tested: u64,
    /// Candidates that are expected to be tested still.
    pub expected_still: u64,
    /// What that takes at the speed seen so far.
    pub expected_time: Option<Duration>,
}

/// Takes reports; called often and from any thread.
pub trait Progress: Sync {
    /// Where things stand.
    fn report(&self, step: Step);
}

/// Nobody is waiting.
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Step) {}
}
