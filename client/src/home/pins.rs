use super::{ENCLAVE, MAX_PUBLIC_FILE_BYTES, durable, place};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sharekeep_channel::attestation::{PcrSet, TrustConfigHash};
use sharekeep_channel::encapsulation::EnclavePublicKey;
use sharekeep_channel::receipt::StatementPublicKey;
use sharekeep_steps::DurableStep;
use std::path::Path;

/// What this device knows of the deployment behind its address. The statement key is pinned at
/// the first verified attestation; it signs receipts, so an enclave with another one could deny
/// what was promised before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// Signs receipts; never accepted in another value.
    pub statement_key: StatementPublicKey,
    /// The image that was attested last. Whether it is still accepted, the releases say.
    pub image: Option<AttestedImage>,
}

/// An attested enclave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestedImage {
    /// What requests are sealed to.
    pub enclave_key: EnclavePublicKey,
    /// What was measured.
    pub pcrs: PcrSet,
    /// The hash of the trust configuration; it cannot change without other measurements.
    pub trust_config_hash: TrustConfigHash,
    /// When this device verified it, in seconds since 1970.
    pub verified_at_unix_s: u64,
}

impl Pins {
    pub(super) fn load(directory: &Path) -> Result<Option<Self>> {
        let path = place(directory, ENCLAVE);
        let Some(bytes) = durable::read(&path, MAX_PUBLIC_FILE_BYTES)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|_| Error::Damaged(path))
    }

    pub(super) fn store(&self, directory: &Path, step: DurableStep) -> Result<()> {
        let path = place(directory, ENCLAVE);
        let text = serde_json::to_vec_pretty(self).map_err(|_| Error::Damaged(path.clone()))?;
        durable::write(&path, &text, step)
    }
}
