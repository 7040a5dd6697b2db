//! The software twin of KMS: one symmetric key, of which only attested images get data keys.
//!
//! Speaks the AWS JSON 1.1 protocol of `TrentService` for `GenerateDataKey`, `Decrypt` and
//! `DescribeKey`; everything else is denied, as the key policy denies it. The policy: `Recipient`
//! always, a verified document of an allowed image, an encryption context with exactly the keys
//! `service`, `deployment`, `tenant` and `purpose`. Request signatures (SigV4) are not checked.

mod answer;
mod ciphertext;
mod envelope;
mod operation;
mod request;

pub use envelope::EnvelopeForm;

use crate::{Error, Measurements};
use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use sharekeep_channel::attestation::PcrSet;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use zeroize::Zeroizing;

/// A document of 16 KiB in base64, an encryption context, and JSON around them.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What makes a [`SoftKms`].
pub struct SoftKmsSettings {
    /// The one key's ARN, `arn:aws:kms:<region>:<account>:key/<id>`.
    pub key_arn: String,
    /// The key. Who has it can open every data key.
    pub master_key: Zeroizing<[u8; 32]>,
    /// The root that attestation documents must chain to, DER.
    pub nsm_root_der: Vec<u8>,
    /// The images in the key policy.
    pub allowed_pcrs: Vec<Measurements>,
}

/// How the KMS misbehaves while the fault is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsFault {
    /// `ThrottlingException`
    Throttled,
    /// `KMSInvalidStateException`: the key is disabled or about to be deleted.
    KeyDisabled,
    /// `AccessDeniedException`, whoever asks.
    Denied,
    /// `KMSInternalException`
    Internal,
    /// Also answers `Plaintext`, which a caller must take for an attack: others have read it.
    LeaksPlaintext,
    /// Answers for another key than it was asked for.
    ForeignKeyArn,
}

/// What can change while the KMS runs.
struct Switches {
    allowed_pcrs: Vec<PcrSet>,
    envelope: EnvelopeForm,
    fault: Option<KmsFault>,
}

/// A software KMS with one key. [`kms_router`] serves it.
pub struct SoftKms {
    key_arn: String,
    master_key: Zeroizing<[u8; 32]>,
    nsm_root_der: Vec<u8>,
    switches: RwLock<Switches>,
    calls: AtomicU64,
}

impl SoftKms {
    /// Makes a KMS that answers in AWS's form.
    #[must_use]
    pub fn new(settings: SoftKmsSettings) -> Self {
        Self {
            key_arn: settings.key_arn,
            master_key: settings.master_key,
            nsm_root_der: settings.nsm_root_der,
            switches: RwLock::new(Switches {
                allowed_pcrs: settings.allowed_pcrs.into_iter().map(Into::into).collect(),
                envelope: EnvelopeForm::AwsBer,
                fault: None,
            }),
            calls: AtomicU64::new(0),
        }
    }

    /// Chooses the encoding of `CiphertextForRecipient`.
    pub fn set_envelope(&self, form: EnvelopeForm) {
        self.switch().envelope = form;
    }

    /// Makes every further call fail or misbehave, or ends that.
    pub fn set_fault(&self, fault: Option<KmsFault>) {
        self.switch().fault = fault;
    }

    /// Replaces the images in the key policy.
    pub fn set_allowed_pcrs(&self, allowed: Vec<Measurements>) {
        self.switch().allowed_pcrs = allowed.into_iter().map(Into::into).collect();
    }

    /// How many requests have arrived.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Opens a data key with the master key and no attestation, which no real KMS does: for checks
    /// that know what must *not* be found anywhere.
    ///
    /// # Errors
    /// [`Error::Ciphertext`].
    pub fn open_offline(
        &self,
        ciphertext_blob: &[u8],
        encryption_context: &BTreeMap<String, String>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let key = self.master_key()?;
        ciphertext::open(&key, &self.key_arn, encryption_context, ciphertext_blob)
            .map_err(|_| Error::Ciphertext)
    }

    fn master_key(&self) -> Result<RandomizedNonceKey, Error> {
        RandomizedNonceKey::new(&AES_256_GCM, self.master_key.as_ref()).map_err(|_| Error::Library)
    }

    fn switches(&self) -> RwLockReadGuard<'_, Switches> {
        self.switches.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn switch(&self) -> RwLockWriteGuard<'_, Switches> {
        self.switches.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The KMS as an HTTP service; the caller serves it over TLS under the name of a KMS endpoint.
pub fn kms_router(kms: Arc<SoftKms>) -> Router {
    Router::new()
        .route("/", post(serve))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(kms)
}

async fn serve(State(kms): State<Arc<SoftKms>>, headers: HeaderMap, body: Bytes) -> Response {
    kms.calls.fetch_add(1, Ordering::Relaxed);
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    answer::respond(operation::run(&kms, target.unwrap_or_default(), &body))
}
