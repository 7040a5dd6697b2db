//! The processes of the stack: how the supervisor starts the enclave and the functions, tells them
//! what they need to know, and stops them.
//!
//! A child gets its start configuration as one line of JSON on standard input, never in its
//! arguments or environment, which other processes can read. It says `ready` on standard output.
//! When its standard input ends, because the supervisor stops it or is gone, it stops.

mod child;
mod parent;
mod supervise;

pub use child::{announce_ready, read_configuration, stdin_closed};
pub use parent::ChildProcess;
pub use supervise::Supervisor;

use crate::world::Purpose;
use serde::{Deserialize, Serialize};
use sharekeep_enclave_app::Limits;
use sharekeep_schemas::http::{Base64Url, base64url_or_bytes};
use std::path::PathBuf;
use zeroize::Zeroize;

/// Longest start configuration in bytes.
pub const MAX_CONFIGURATION_BYTES: u64 = 262_144;

/// What the enclave's process is told. The leaf lets it sign attestation documents with its own
/// measurements and nothing else; the software NSM's root stays with the supervisor.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnclaveConfiguration {
    /// The encoded trust configuration, as an image would carry it.
    #[serde(with = "base64url_or_bytes")]
    pub trust: Vec<u8>,
    /// The software NSM's leaf for this process.
    #[serde(with = "base64url_or_bytes")]
    pub nsm_leaf: Vec<u8>,
    /// Where to serve.
    pub socket: PathBuf,
    /// What for.
    pub purpose: Purpose,
    /// The egress proxy.
    pub egress_socket: PathBuf,
    /// Bounds that differ from the default.
    #[serde(default)]
    pub bounds: EnclaveBounds,
}

/// Bounds of the enclave's process that differ from the default; for tests that cannot wait.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnclaveBounds {
    /// Sets of safe primes to have ready.
    pub primes: Option<usize>,
    /// Seconds for which an enclave serves guesses alone.
    pub guess_lease_s: Option<u64>,
    /// Guesses at passcodes in a minute, over all users.
    pub guesses_per_minute: Option<u32>,
}

impl EnclaveBounds {
    pub(crate) fn limits(&self, usual: Limits) -> Limits {
        Limits {
            primes: self.primes.unwrap_or(usual.primes),
            guess_lease_s: self.guess_lease_s.unwrap_or(usual.guess_lease_s),
            guesses_per_minute: self.guesses_per_minute.unwrap_or(usual.guesses_per_minute),
            ..usual
        }
    }
}

impl Drop for EnclaveConfiguration {
    fn drop(&mut self) {
        self.nsm_leaf.zeroize();
    }
}

/// What the functions' process is told: nothing secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionsConfiguration {
    /// The port to serve on, on 127.0.0.1.
    pub port: u16,
    /// What for.
    pub purpose: Purpose,
    /// The embedded database.
    pub store_endpoint: String,
    /// Where the enclave is.
    pub enclave_socket: PathBuf,
    /// PCR0, 1 and 2 that a ready enclave shows.
    pub expected_pcrs: Vec<Base64Url>,
    /// A canary to hold in memory for a search to find: 32 bytes.
    #[serde(default, with = "base64url_or_bytes")]
    pub canary: Vec<u8>,
}
