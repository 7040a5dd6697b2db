//! The real key service client: the AWS SDK over our own connection, `Recipient` on every call.
//!
//! Each call carries an attestation document with an RSA key made at this start, so that KMS
//! answers only what that key opens. A plaintext in an answer means that the key policy is not the
//! one this image expects: it is refused, though it would work.

mod connector;

use crate::ports::{CredentialSource, Egress, KeyContext, Kms, Later, Nsm, WrappedDataKey};
use crate::{Error, Trust, net};
use aws_sdk_kms::config::{
    BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeyEncryptionMechanism, RecipientInfo};
use sharekeep_channel::cms::RecipientKey;
use std::sync::{Arc, LazyLock};
use std::{collections::HashMap, thread, time::Duration};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

/// Longest time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time for a call with its retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// Attempts, with exponential back-off between them.
const ATTEMPTS: u32 = 3;
/// Largest wrapped data key in bytes.
pub const MAX_WRAPPED_BYTES: usize = 6_144;

/// The RSA key of this start: some tenths of a second of work, seconds where a processor is emulated.
type LazyRecipient = LazyLock<Option<RecipientKey>>;

/// KMS, with the one key and region of the trust configuration.
pub struct KmsClient {
    client: aws_sdk_kms::Client,
    credentials: Arc<dyn CredentialSource>,
    nsm: Arc<dyn Nsm>,
    recipient: Arc<LazyRecipient>,
    key_arn: String,
    deployment: String,
}

impl KmsClient {
    /// A client over a way out. The RSA key of this start is made meanwhile: the first call waits for it,
    /// and nothing else does.
    ///
    /// # Errors
    /// [`Error::Authorities`] for authorities that are none.
    pub fn new(
        trust: &Trust,
        egress: Arc<dyn Egress>,
        nsm: Arc<dyn Nsm>,
        credentials: Arc<dyn CredentialSource>,
    ) -> Result<Self, Error> {
        let configuration = trust.configuration();
        let roots = match &configuration.kms_authorities_pem {
            Some(pem) => net::Roots::Pem(pem),
            None => net::Roots::Public,
        };
        let https = net::HttpsClient::new(egress, roots)?;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(configuration.kms_region.clone()))
            .endpoint_url(format!("https://{}", trust.kms_host()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            .http_client(connector::over(https))
            .build();
        let recipient: Arc<LazyRecipient> =
            Arc::new(LazyLock::new(|| RecipientKey::generate().ok()));
        let early = recipient.clone();
        thread::Builder::new()
            .name("recipient".into())
            .spawn(move || LazyLock::force(&early).is_some())
            // Without this thread the first call makes the key.
            .ok();
        Ok(Self {
            client: aws_sdk_kms::Client::from_conf(config),
            credentials,
            nsm,
            recipient,
            key_arn: configuration.kms_key_arn.clone(),
            deployment: configuration.deployment.clone(),
        })
    }

    fn context(&self, context: &KeyContext) -> HashMap<String, String> {
        [
            ("service", "sharekeep"),
            ("deployment", &self.deployment),
            ("tenant", context.tenant.as_str()),
            ("purpose", context.purpose),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The RSA key; waits until it is made.
    fn key(&self) -> Result<&RecipientKey, Error> {
        let key = LazyLock::force(&self.recipient).as_ref();
        key.ok_or(Error::Crypto(sharekeep_channel::Error::Library))
    }

    async fn recipient(&self) -> Result<RecipientInfo, Error> {
        let lazy = self.recipient.clone();
        // The runtime's own threads are not for waiting; from here on nobody waits for the key.
        let _ = spawn_blocking(move || LazyLock::force(&lazy).is_some()).await;
        let document = self.nsm.attest(None, None, Some(self.key()?.public_key_der()))?;
        Ok(RecipientInfo::builder()
            .key_encryption_algorithm(KeyEncryptionMechanism::RsaesOaepSha256)
            .attestation_document(Blob::new(document))
            .build())
    }

    async fn credentials(&self) -> Result<aws_sdk_kms::config::Builder, Error> {
        let now = self.credentials.current().await?;
        Ok(aws_sdk_kms::Config::builder().credentials_provider(Credentials::new(
            now.access_key_id.as_str(),
            now.secret_access_key.expose(),
            now.session_token.as_ref().map(|token| token.expose().to_owned()),
            None,
            "enclave",
        )))
    }

    /// Checks what every answer must fulfil and opens it.
    fn accept(
        &self,
        key_id: Option<&str>,
        plaintext: Option<&Blob>,
        sealed: Option<&Blob>,
    ) -> Result<Zeroizing<[u8; 32]>, Error> {
        if key_id != Some(self.key_arn.as_str()) {
            return Err(Error::Answer("kms used another key"));
        }
        if plaintext.is_some_and(|blob| !blob.as_ref().is_empty()) {
            return Err(Error::Answer("kms sent a plaintext"));
        }
        let sealed = sealed.ok_or(Error::Answer("kms sent no key for the recipient"))?;
        let opened = self.key()?.open(sealed.as_ref())?;
        let mut key = Zeroizing::new([0; 32]);
        if opened.len() != key.len() {
            return Err(Error::Answer("kms sent a key of another length"));
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }
}

fn refusal<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Error {
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some("AccessDeniedException" | "DisabledException" | "NotFoundException") => {
            Error::KmsDenied
        }
        Some("InvalidCiphertextException" | "IncorrectKeyException" | "ValidationException") => {
            Error::KmsRefused
        }
        _ => Error::KmsUnavailable,
    }
}

impl Kms for KmsClient {
    fn generate<'a>(&'a self, context: &'a KeyContext) -> Later<'a, Result<WrappedDataKey, Error>> {
        Box::pin(async move {
            let answer = self
                .client
                .generate_data_key()
                .key_id(&self.key_arn)
                .key_spec(DataKeySpec::Aes256)
                .set_encryption_context(Some(self.context(context)))
                .recipient(self.recipient().await?)
                .customize()
                .config_override(self.credentials().await?)
                .send()
                .await
                .map_err(|error| refusal(&error))?;
            let key = self.accept(
                answer.key_id(),
                answer.plaintext(),
                answer.ciphertext_for_recipient(),
            )?;
            let wrapped = answer.ciphertext_blob().map(|blob| blob.as_ref().to_vec());
            match wrapped {
                Some(wrapped) if wrapped.len() <= MAX_WRAPPED_BYTES => {
                    Ok(WrappedDataKey { key, wrapped })
                }
                _ => Err(Error::Answer("kms sent no wrapped key, or a huge one")),
            }
        })
    }

    fn open<'a>(
        &'a self,
        context: &'a KeyContext,
        wrapped: &'a [u8],
    ) -> Later<'a, Result<Zeroizing<[u8; 32]>, Error>> {
        Box::pin(async move {
            if wrapped.len() > MAX_WRAPPED_BYTES {
                return Err(Error::KmsRefused);
            }
            let answer = self
                .client
                .decrypt()
                .key_id(&self.key_arn)
                .ciphertext_blob(Blob::new(wrapped))
                .set_encryption_context(Some(self.context(context)))
                .recipient(self.recipient().await?)
                .customize()
                .config_override(self.credentials().await?)
                .send()
                .await
                .map_err(|error| refusal(&error))?;
            self.accept(answer.key_id(), answer.plaintext(), answer.ciphertext_for_recipient())
        })
    }
}
