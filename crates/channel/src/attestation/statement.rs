use super::{PcrSet, Policy, verify};
use crate::cbor;
use crate::encapsulation::EnclavePublicKey;
use crate::newtype::public_bytes;
use crate::receipt::StatementPublicKey;
use crate::{Error, Result};
use ciborium::Value;

const LABEL: &str = "sharekeep/enclave/v1";
/// What an attestation document can carry.
const MAX_USER_DATA_BYTES: usize = 512;

public_bytes! {
    /// Hash of the trust configuration that is measured into an image. Text form is hex.
    TrustConfigHash, 32, hex
}

/// What an enclave states about itself in the `user_data` of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it trusts: tenants' signer, KMS key, release keys.
    pub trust_config_hash: TrustConfigHash,
    /// The key that signs its deployment's receipts and audit entries.
    pub statement_key: StatementPublicKey,
}

impl Statement {
    /// Deterministic CBOR: an array of label, hash and key; about 90 bytes.
    #[must_use]
    pub fn to_user_data(&self) -> Vec<u8> {
        cbor::encode(&Value::Array(vec![
            LABEL.into(),
            self.trust_config_hash.as_bytes().as_slice().into(),
            self.statement_key.as_bytes().as_slice().into(),
        ]))
    }

    /// Reads what [`to_user_data`](Self::to_user_data) wrote, and no other form of it.
    ///
    /// # Errors
    /// [`Error::StatementMalformed`].
    pub fn from_user_data(bytes: &[u8]) -> Result<Self> {
        let malformed = || Error::StatementMalformed;
        if bytes.len() > MAX_USER_DATA_BYTES {
            return Err(malformed());
        }
        let value = cbor::decode_canonical(bytes).ok_or_else(malformed)?;
        let Some([label, hash, key]) = value.as_array().map(Vec::as_slice) else {
            return Err(malformed());
        };
        if label.as_text() != Some(LABEL) {
            return Err(malformed());
        }
        let key = cbor::bytes(key).ok_or_else(malformed)?;
        Ok(Self {
            trust_config_hash: cbor::bytes(hash)
                .map(TrustConfigHash::from_bytes)
                .ok_or_else(malformed)?,
            statement_key: StatementPublicKey::from_bytes(key).map_err(|_| malformed())?,
        })
    }
}

/// A verified enclave of this service: what a client pins for the life of the enclave key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnclaveIdentity {
    /// The key to seal requests to.
    pub enclave_key: EnclavePublicKey,
    /// The key that signs receipts.
    pub statement_key: StatementPublicKey,
    /// To compare with the configuration the client knows.
    pub trust_config_hash: TrustConfigHash,
    /// The measured image.
    pub pcrs: PcrSet,
    /// When the device signed.
    pub timestamp_unix_ms: u64,
    /// The enclave's id.
    pub module_id: String,
}

/// Verifies a document and reads the enclave's keys out of it.
///
/// # Errors
/// Those of [`verify`]; [`Error::StatementMalformed`] or [`Error::PublicKeyMalformed`] if the
/// document is genuine but not one of this service's enclave for a client.
pub fn verify_enclave(document: &[u8], policy: &Policy<'_>) -> Result<EnclaveIdentity> {
    let attested = verify(document, policy)?;
    let statement =
        Statement::from_user_data(&attested.user_data.ok_or(Error::StatementMalformed)?)?;
    let key = attested.public_key.and_then(|key| key.try_into().ok());
    Ok(EnclaveIdentity {
        enclave_key: EnclavePublicKey::from_bytes(key.ok_or(Error::PublicKeyMalformed)?)?,
        statement_key: statement.statement_key,
        trust_config_hash: statement.trust_config_hash,
        pcrs: attested.pcrs,
        timestamp_unix_ms: attested.timestamp_unix_ms,
        module_id: attested.module_id,
    })
}
