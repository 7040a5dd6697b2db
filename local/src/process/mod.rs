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
    /// Where credentials for KMS are handed out.
    pub credentials_socket: PathBuf,
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
    /// PCR0, 1 and 2 that a ready enclave shows.
    pub expected_pcrs: Vec<Base64Url>,
    /// A canary to hold in memory for a search to find: 32 bytes.
    #[serde(default, with = "base64url_or_bytes")]
    pub canary: Vec<u8>,
}
