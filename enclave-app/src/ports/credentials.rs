use super::Later;
use crate::Error;
use serde::Deserialize;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Credentials for calls to KMS. They alone open nothing: KMS also wants this image's attestation.
pub struct KmsCredentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Zeroizing<String>,
    /// The session token of temporary credentials.
    pub session_token: Option<Zeroizing<String>>,
}

/// Where credentials come from.
pub trait CredentialSource: Send + Sync {
    /// The credentials to use now.
    ///
    /// # Errors
    /// [`Error::Credentials`].
    fn current(&self) -> Later<'_, Result<KmsCredentials, Error>>;
}

/// Credentials that never change: for deployments without AWS.
pub struct StaticCredentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Zeroizing<String>,
}

impl CredentialSource for StaticCredentials {
    fn current(&self) -> Later<'_, Result<KmsCredentials, Error>> {
        Box::pin(async move {
            Ok(KmsCredentials {
                access_key_id: self.access_key_id.clone(),
                secret_access_key: self.secret_access_key.clone(),
                session_token: None,
            })
        })
    }
}

/// Credentials in a JSON file that somebody else renews; it is read again for each use.
pub struct FileCredentials {
    /// The file: `{"access_key_id", "secret_access_key", "session_token"?}`.
    pub path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InFile {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    session_token: Option<String>,
}

/// Largest credentials file in bytes.
const MAX_FILE_BYTES: usize = 16_384;

impl CredentialSource for FileCredentials {
    fn current(&self) -> Later<'_, Result<KmsCredentials, Error>> {
        Box::pin(async move {
            let bytes = tokio::fs::read(&self.path)
                .await
                .map(Zeroizing::new)
                .map_err(|_| Error::Credentials("the file cannot be read"))?;
            if bytes.len() > MAX_FILE_BYTES {
                return Err(Error::Credentials("the file is too large"));
            }
            let file: InFile = serde_json::from_slice(&bytes)
                .map_err(|_| Error::Credentials("the file is not of the expected shape"))?;
            Ok(KmsCredentials {
                access_key_id: file.access_key_id,
                secret_access_key: Zeroizing::new(file.secret_access_key),
                session_token: file.session_token.map(Zeroizing::new),
            })
        })
    }
}
