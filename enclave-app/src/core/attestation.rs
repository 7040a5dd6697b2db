use super::stop::{Done, Refusal, Stop};
use super::{Core, Request};
use crate::Error;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ciborium::Value;
use sharekeep_channel::attestation::{Statement, TrustConfigHash};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::{AttestationAnswer, Base64Url};
use sharekeep_schemas::limits::MAX_CLOCK_SKEW_S;
use std::time::Duration;

/// Length of a client's nonce in bytes.
const NONCE_BYTES: usize = 32;

impl Core {
    /// Checks the kernel's clock, which the host can set, against the NSM's, which it cannot.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Nsm`].
    pub fn check_clock(&self, now_unix_s: u64) -> Result<(), Error> {
        compare_clocks(&self.nsm.attest(None, None, None)?, now_unix_s)
    }
}

fn compare_clocks(document: &[u8], now_unix_s: u64) -> Result<(), Error> {
    let theirs = time_of_document(document).ok_or(Error::Nsm("a document without a time"))?;
    match theirs.as_secs().abs_diff(now_unix_s) {
        skew if skew <= MAX_CLOCK_SKEW_S => Ok(()),
        skew => Err(Error::Clock(skew)),
    }
}

/// The time in a document of our own NSM, since 1970; its signature is for others to check.
pub(crate) fn time_of_document(document: &[u8]) -> Option<Duration> {
    let parts: Value = ciborium::from_reader(document).ok()?;
    let payload = parts.as_array()?.get(2)?.as_bytes()?;
    let payload: Value = ciborium::from_reader(payload.as_slice()).ok()?;
    let (_, time) =
        payload.as_map()?.iter().find(|(name, _)| name.as_text() == Some("timestamp"))?;
    u64::try_from(time.as_integer()?).ok().map(Duration::from_millis)
}

impl Request<'_> {
    /// Says who this enclave is: the NSM's document over the client's nonce, the encapsulation key,
    /// the trust configuration's hash and the statement key.
    pub(super) fn attest(&self) -> Result<Done, Stop> {
        let nonce = self.attestation_nonce().ok_or_else(|| {
            Refusal::saying(ProblemCode::MalformedRequest, "give ?nonce= with 32 bytes, base64url")
        })?;
        let statement = Statement {
            trust_config_hash: TrustConfigHash::from_bytes(*self.core.trust.hash()),
            statement_key: self.deployment_keys()?.statement().public_key(),
        };
        let document = self
            .core
            .nsm
            .attest(
                Some(&statement.to_user_data()),
                Some(&nonce),
                Some(self.core.key_pair.public_key().as_bytes()),
            )
            .map_err(|_| ProblemCode::Internal)?;
        // An enclave that tells another time than its NSM would misjudge every expiry.
        compare_clocks(&document, self.now).map_err(|_| ProblemCode::EnclaveUnavailable)?;
        let answer =
            AttestationAnswer { enclave_key: self.core.key_id, document: Base64Url(document) };
        let body = serde_json::to_vec(&answer).map_err(|_| ProblemCode::Internal)?;
        Ok(Done { body, writes: vec![] })
    }

    fn attestation_nonce(&self) -> Option<Vec<u8>> {
        let text = self.http.query.as_deref()?.strip_prefix("nonce=")?;
        let nonce = URL_SAFE_NO_PAD.decode(text).ok()?;
        (nonce.len() == NONCE_BYTES).then_some(nonce)
    }
}
