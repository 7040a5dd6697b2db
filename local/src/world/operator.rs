//! The operator of the embedded default: makes the trust configuration once, signs the tenants'
//! documents.

use ed25519_dalek::SigningKey;
use serde_bytes::ByteArray;
use sharekeep_schemas::codec;
use sharekeep_schemas::tenant::TenantDocument;
use sharekeep_schemas::trust::{MAX_TRUST_BYTES, TrustConfiguration};
use zeroize::Zeroizing;

use super::{EmulatedAws, Measurements, OwnReleases};
use crate::{DataDir, Error, data_dir};

/// The name of the deployment, bound into every KMS encryption context.
pub const DEPLOYMENT: &str = "local";
/// The region the software KMS pretends to be in.
pub const REGION: &str = "eu-central-1";
/// AWS's documentation account.
const ACCOUNT: &str = "111122223333";

/// Holds the operator's keys.
pub(super) struct Operator {
    key: SigningKey,
    release_key: SigningKey,
}

impl Operator {
    pub(super) fn load_or_create(data: &DataDir) -> Result<Self, Error> {
        let key = |name| data_dir::secret_key(&data.path(name)).map(|k| SigningKey::from_bytes(&k));
        Ok(Self { key: key("operator/operator.key")?, release_key: key("operator/release.key")? })
    }

    /// The trust configuration as an image would carry it: made once, since changing it changes
    /// the measurements, after which KMS opens nothing.
    pub(super) fn trust(
        &self,
        data: &DataDir,
        authorities_pem: &str,
        identity_provider_port: u16,
        emulated: Option<&EmulatedAws>,
    ) -> Result<(TrustConfiguration, Vec<u8>), Error> {
        let path = data.path("trust.cbor");
        let bytes = data_dir::read_or_create(&path, || {
            let (deployment, kms_key_arn) = match emulated {
                Some(aws) => (aws.deployment.clone(), aws.key_arn.clone()),
                None => (DEPLOYMENT.to_owned(), new_key_arn()?),
            };
            let trust = TrustConfiguration {
                version: 1,
                deployment,
                operator_key: ByteArray::new(self.key.verifying_key().to_bytes()),
                release_keys: vec![ByteArray::new(self.release_key.verifying_key().to_bytes())],
                release_threshold: 1,
                kms_key_arn,
                kms_region: REGION.to_owned(),
                kms_authorities_pem: Some(authorities_pem.to_owned()),
                egress_hosts: vec![format!("localhost:{identity_provider_port}")],
            };
            Ok(Zeroizing::new(codec::encode(&trust)))
        })?;
        let trust: TrustConfiguration =
            codec::decode(&bytes, MAX_TRUST_BYTES).map_err(|e| Error::damaged(&path, e))?;
        Ok((trust, bytes.to_vec()))
    }

    /// The releases of the images that ran here, and of the one that does.
    pub(super) fn releases(
        &self,
        data: &DataDir,
        trust: &TrustConfiguration,
        measurements: Measurements,
    ) -> Result<OwnReleases, Error> {
        OwnReleases::load_or_create(data, trust, &self.release_key, measurements)
    }

    /// Signs what holds for a tenant. The serial is raised when something changed since the last
    /// start, since an enclave refuses a lower one than it has seen.
    pub(super) fn tenant_document(
        &self,
        data: &DataDir,
        mut wanted: TenantDocument,
    ) -> Result<(u64, Vec<u8>), Error> {
        let path = data.path(&format!("tenants/{}.cbor", wanted.tenant));
        if let Some(bytes) = data_dir::read(&path)? {
            let held = sharekeep_trust::verify(&self.key.verifying_key(), &bytes)
                .map_err(|e| Error::damaged(&path, e))?;
            wanted.serial = held.serial;
            if wanted == held {
                return Ok((held.serial, bytes.to_vec()));
            }
            wanted.serial += 1;
        }
        let bytes = sharekeep_trust::sign(&self.key, &wanted);
        data_dir::write(&path, &bytes)?;
        Ok((wanted.serial, bytes))
    }
}

/// The name under which the software KMS knows its only key.
fn new_key_arn() -> Result<String, Error> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| Error::Key("random bytes"))?;
    // RFC 9562 section 5.4: version 4, variant 10.
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    let hex = hex::encode(id);
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    Ok(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{a}-{b}-{c}-{d}-{e}"))
}
