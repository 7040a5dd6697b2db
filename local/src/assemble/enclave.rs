use std::path::Path;
use std::sync::Arc;

use sharekeep_enclave_app::kms::KmsClient;
use sharekeep_enclave_app::ports::{
    Address, Clock, CredentialsFromHost, Egress, EgressProxy, IssuerKeysOverEgress, KernelEntropy,
    Nsm, Ports,
};
use sharekeep_enclave_app::{Enclave, Limits, Settings, Trust};
use sharekeep_testkit::{NsmLeaf, SoftNsm};

use super::nsm::SoftNsmPort;
use crate::Error;

/// What an enclave is made of here.
pub struct EnclaveParts<'a> {
    /// The encoded trust configuration.
    pub trust: &'a [u8],
    /// The software NSM's leaf.
    pub nsm_leaf: &'a [u8],
    /// The egress proxy.
    pub egress_socket: &'a Path,
    /// Where credentials for KMS are handed out.
    pub credentials_socket: &'a Path,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Bounds of memory and CPU.
    pub limits: Limits,
}

/// The enclave as in production but for its NSM: KMS and identity providers are reached through
/// the same egress port, by TLS that ends in the enclave.
///
/// # Errors
/// [`Error::Twin`] for a leaf that is none, [`Error::Enclave`].
pub fn build_enclave(parts: EnclaveParts<'_>) -> Result<Arc<Enclave>, Error> {
    let leaf = NsmLeaf::from_bytes(parts.nsm_leaf)
        .map_err(|e| Error::Twin { part: "nsm", reason: e.to_string() })?;
    let nsm: Arc<dyn Nsm> = Arc::new(SoftNsmPort(SoftNsm::new(leaf)));
    let trust = Trust::from_bytes(parts.trust).map_err(|error| failed(error.into()))?;
    let address = Address::Unix(parts.egress_socket.to_owned());
    let egress: Arc<dyn Egress> = Arc::new(EgressProxy::new(address));
    let handed_out = Address::Unix(parts.credentials_socket.to_owned());
    let credentials = Arc::new(CredentialsFromHost::new(handed_out, Arc::clone(&parts.clock)));
    let kms = KmsClient::new(&trust, Arc::clone(&egress), Arc::clone(&nsm), credentials)
        .map_err(failed)?;
    let ports = Ports {
        nsm,
        kms: Arc::new(kms),
        clock: parts.clock,
        entropy: Arc::new(KernelEntropy),
        issuer_keys: Arc::new(IssuerKeysOverEgress::new(egress)),
    };
    let settings = Settings { trust_bytes: parts.trust.to_vec(), limits: parts.limits };
    Enclave::new(settings, ports).map_err(failed)
}

fn failed(error: sharekeep_enclave_app::Error) -> Error {
    Error::Enclave(error.to_string())
}
