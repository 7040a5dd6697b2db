//! The trust configuration: what an enclave image is told at build time and is measured with.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

/// Largest encoded trust configuration in bytes.
pub const MAX_TRUST_BYTES: usize = 65_536;
/// Domain-separates its hash: SHA-256 of this label followed by the encoded configuration.
pub const HASH_LABEL: &[u8] = b"sharekeep/trust-configuration/v1\0";

/// Part of what an enclave is: changing it changes the measurements.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfiguration {
    /// Format version: 1.
    pub version: u8,
    /// The deployment's name, bound into every KMS encryption context.
    pub deployment: String,
    /// Verifies tenant documents (Ed25519).
    pub operator_key: ByteArray<32>,
    /// Verify release manifests (Ed25519).
    pub release_keys: Vec<ByteArray<32>>,
    /// How many of them must have signed.
    pub release_threshold: u32,
    /// The only KMS key this image uses.
    pub kms_key_arn: String,
    /// Its region.
    pub kms_region: String,
    /// Certificate authorities (PEM) to trust for KMS instead of the public ones; for
    /// deployments without AWS.
    pub kms_authorities_pem: Option<String>,
    /// Hosts (`host:port`) that may be dialled through the egress proxy besides KMS.
    pub egress_hosts: Vec<String>,
}
