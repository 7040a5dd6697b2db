//! Which enclave to talk to: asked for proof once per enclave key, never taken on the service's
//! word.

use crate::clock::now_unix_s;
use crate::home::{AttestedImage, Pins};
use crate::{Client, Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use rand_core::{OsRng, RngCore};
use sharekeep_channel::attestation::{EnclaveIdentity, ExpectedNonce, Policy, verify_enclave};
use sharekeep_channel::encapsulation::EnclavePublicKey;
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::AttestationAnswer;
use std::time::Duration;

/// A document answers a fresh nonce, so its age is the time of one exchange plus the difference
/// of two clocks.
const MAX_DOCUMENT_AGE: Duration = Duration::from_secs(300);
/// How long an attested key is used before it is asked again. The key lives as long as the enclave
/// does; asking again bounds how long a withdrawn image goes unnoticed.
const IMAGE_LIFETIME_S: u64 = 12 * 3600;

impl Client {
    /// Asks the enclave for an attestation document, verifies it against the settings, the accepted
    /// releases and what was pinned before, and pins it. The service is asked for signed releases
    /// too: one may name a new image, or withdraw an image that this device still accepts.
    ///
    /// # Errors
    /// [`Error::Attestation`] if the document does not verify, [`Error::UnknownImage`] or
    /// [`Error::Release`] if its image is not released or was withdrawn, [`Error::Pinned`] if it is
    /// another deployment's.
    pub async fn attest(&self) -> Result<EnclaveIdentity> {
        let mut nonce = [0; 32];
        OsRng.fill_bytes(&mut nonce);
        let path = format!("/v1/attestation?nonce={}", BASE64URL.encode(nonce));
        let answer: AttestationAnswer = self.get_open(&path).await?;
        // After the document: who has no connection does not wait twice.
        let mut refused = self.learn_releases().await;
        let identity = self.verified(&answer.document.0, &nonce).map_err(|error| match error {
            Error::UnknownImage(measured) => {
                refused.remove(&measured).map_or(Error::UnknownImage(measured), Error::Release)
            }
            other => other,
        })?;
        self.pin(&identity, now_unix_s())?;
        Ok(identity)
    }

    fn verified(&self, document: &[u8], nonce: &[u8]) -> Result<EnclaveIdentity> {
        let allowed_pcrs = self.lock_releases().allowed_pcrs();
        let policy = Policy {
            root_der: self.settings.root.der(),
            now_unix_s: now_unix_s(),
            max_age: MAX_DOCUMENT_AGE,
            allowed_pcrs: &allowed_pcrs,
            nonce: ExpectedNonce::Exactly(nonce),
        };
        verify_enclave(document, &policy).map_err(|error| match error {
            sharekeep_channel::Error::PcrMismatch(measured) => Error::UnknownImage(measured),
            error => Error::Attestation(error),
        })
    }

    /// The key to seal to: the one pinned, or the one of a fresh attestation.
    pub(crate) async fn enclave_key(&self) -> Result<EnclavePublicKey> {
        match self.attested_image() {
            Some(image) if self.still_trusted(&image) => Ok(image.enclave_key),
            _ => self.attest().await.map(|identity| identity.enclave_key),
        }
    }

    /// Runs something with the enclave's key, and once more from the start if the enclave has
    /// another key by now (it was started anew).
    pub(crate) async fn with_enclave<T, F: Future<Output = Result<T>>>(
        &self,
        mut run: impl FnMut(EnclavePublicKey) -> F,
    ) -> Result<T> {
        match run(self.enclave_key().await?).await {
            Err(error) if error.code() == Some(ProblemCode::EnclaveKeyUnknown) => {
                run(self.attest().await?.enclave_key).await
            }
            result => result,
        }
    }

    fn still_trusted(&self, image: &AttestedImage) -> bool {
        let age = now_unix_s().checked_sub(image.verified_at_unix_s);
        age.is_some_and(|age| age < IMAGE_LIFETIME_S)
            && self.lock_releases().of_image(&image.pcrs).is_some()
    }

    fn pin(&self, identity: &EnclaveIdentity, now: u64) -> Result<()> {
        let image = AttestedImage {
            enclave_key: identity.enclave_key.clone(),
            pcrs: identity.pcrs,
            trust_config_hash: identity.trust_config_hash,
            verified_at_unix_s: now,
        };
        let known = self.pins();
        check_against(known.as_ref(), identity)?;
        self.set_pins(Pins { statement_key: identity.statement_key.clone(), image: Some(image) });
        Ok(())
    }
}

/// A genuine enclave with a trusted image may still be another deployment's.
fn check_against(known: Option<&Pins>, identity: &EnclaveIdentity) -> Result<()> {
    let Some(known) = known else { return Ok(()) };
    if known.statement_key != identity.statement_key {
        return Err(Error::Pinned("its statement key is not the one this device knows"));
    }
    let same_image = known.image.as_ref().filter(|image| image.pcrs == identity.pcrs);
    if same_image.is_some_and(|image| image.trust_config_hash != identity.trust_config_hash) {
        return Err(Error::Pinned("its trust configuration changed, its measurements did not"));
    }
    Ok(())
}
