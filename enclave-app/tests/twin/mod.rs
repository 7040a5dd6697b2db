//! What stands in for Nitro and for KMS's door in tests of the KMS client.

use sharekeep_channel::attestation::Pcr;
use sharekeep_enclave_app::Error;
use sharekeep_enclave_app::ports::Nsm;
use sharekeep_testkit::{DevCa, Measurements, SoftNsm};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

pub(crate) const KMS_HOST: &str = "kms.eu-central-1.amazonaws.com";
/// The image that the key is for. `tests/aws/with_aws.py` puts the same into the key's policy.
pub(crate) const IMAGE: Measurements = [[1; 48], [2; 48], [3; 48]];

pub(crate) struct TwinNsm(pub(crate) SoftNsm);

impl Nsm for TwinNsm {
    fn attest(
        &self,
        user_data: Option<&[u8]>,
        nonce: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        self.0.attest(user_data, nonce, public_key).map_err(|_| Error::Nsm("twin"))
    }
    fn pcr(&self, index: u16) -> Result<Pcr, Error> {
        self.0.describe_pcr(index).map(Pcr::from_bytes).ok_or(Error::Nsm("twin"))
    }
}

/// TLS under KMS's name.
pub(crate) fn kms_tls(ca: &DevCa) -> TlsAcceptor {
    let issued = ca.issue_server(&[KMS_HOST]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(issued.chain(), issued.key())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
