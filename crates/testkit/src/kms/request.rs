use super::answer::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A data key's ciphertext has about 100 bytes.
const MAX_CIPHERTEXT_TEXT_BYTES: usize = 8192;

/// The members of all three requests. Unknown members are refused: what this twin does not know,
/// it does not do as AWS would.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Request {
    pub(super) key_id: Option<String>,
    pub(super) key_spec: Option<String>,
    pub(super) number_of_bytes: Option<u32>,
    pub(super) ciphertext_blob: Option<String>,
    pub(super) encryption_algorithm: Option<String>,
    #[serde(default)]
    pub(super) encryption_context: BTreeMap<String, String>,
    pub(super) recipient: Option<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Recipient {
    pub(super) key_encryption_algorithm: Option<String>,
    pub(super) attestation_document: Option<String>,
}

impl Request {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|_| Refusal::Serialization)
    }

    /// Whether the request names the key with this ARN; an alias it never has.
    pub(super) fn names(&self, key_arn: &str) -> bool {
        let id = key_arn.rsplit_once('/').map(|(_, id)| id);
        self.key_id.as_deref().is_some_and(|named| named == key_arn || Some(named) == id)
    }

    pub(super) fn ciphertext(&self) -> Result<Vec<u8>, Refusal> {
        self.ciphertext_blob
            .as_ref()
            .filter(|text| text.len() <= MAX_CIPHERTEXT_TEXT_BYTES)
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or(Refusal::Validation("CiphertextBlob is missing or no base64."))
    }
}

impl Recipient {
    pub(super) fn document(&self) -> Result<Vec<u8>, Refusal> {
        if self.key_encryption_algorithm.as_deref() != Some("RSAES_OAEP_SHA_256") {
            return Err(Refusal::Validation("KeyEncryptionAlgorithm must be RSAES_OAEP_SHA_256."));
        }
        self.attestation_document
            .as_ref()
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or(Refusal::Validation("AttestationDocument is missing or no base64."))
    }
}
