use crate::Drain;
use crate::door::{Door, accept_each};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use sharekeep_schemas::SecretText;
use sharekeep_schemas::host::HostCredentials;
use sharekeep_vsock::Stream;
use std::io;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The enclave asks a few times an hour, on one connection.
const MAX_CONNECTIONS: usize = 4;
/// For the credentials to be found and said.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hands the instance role's current credentials to the enclave, in the form of
/// [`HostCredentials`]. Only the enclave may reach where it serves.
#[derive(Clone, Debug)]
pub struct HandOut {
    provider: SharedCredentialsProvider,
}

impl HandOut {
    /// Of what this provider has when asked.
    pub fn new(provider: impl ProvideCredentials + 'static) -> Self {
        Self { provider: SharedCredentialsProvider::new(provider) }
    }

    /// Hands out until the drain starts.
    pub async fn serve(self, door: impl Door, drain: Drain) {
        accept_each(door, MAX_CONNECTIONS, &drain, |enclave| {
            let provider = self.provider.clone();
            async move {
                match tokio::time::timeout(PATIENCE, hand_out(enclave, &provider)).await {
                    Ok(Ok(())) => {}
                    // Neither says more than that: an error's text could quote a token.
                    Ok(Err(error)) => tracing::warn!(kind = %error.kind(), "no credentials"),
                    Err(_) => tracing::warn!("no credentials in time"),
                }
            }
        })
        .await;
    }
}

async fn hand_out(
    mut enclave: Box<dyn Stream>,
    provider: &SharedCredentialsProvider,
) -> io::Result<()> {
    let now = provider.provide_credentials().await.map_err(|_| io::ErrorKind::NotFound)?;
    let expires = now.expiry().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let secret = |text: &str| SecretText::new(text.to_owned());
    let credentials = HostCredentials {
        access_key_id: now.access_key_id().to_owned(),
        secret_access_key: secret(now.secret_access_key()),
        session_token: now.session_token().map(secret),
        expires_at_unix_s: expires.map(|since| since.as_secs()),
    };
    let frame = credentials.to_frame().ok_or(io::ErrorKind::InvalidData)?;
    enclave.write_all(&frame).await?;
    enclave.flush().await?;
    // The enclave closes when it has them: a connection ended from here could lose its last bytes.
    let _ = enclave.read_u8().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::future;
    use sharekeep_vsock::{Address, Listener, dial};

    async fn handed_out(provider: impl ProvideCredentials + 'static) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("credentials"));
        let door = Listener::bind(&address).unwrap();
        tokio::spawn(HandOut::new(provider).serve(door, Drain::default()));
        let mut host = dial(&address).await.unwrap();
        let Ok(length) = host.read_u16().await else { return Vec::new() };
        let mut encoded = vec![0; length.into()];
        host.read_exact(&mut encoded).await.unwrap();
        encoded
    }

    #[tokio::test]
    async fn the_enclave_is_handed_what_the_chain_has_now() {
        let expiry = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let token = Some("token".to_owned());
        let provider = Credentials::new("id", "secret", token, Some(expiry), "test");
        let read = HostCredentials::from_bytes(&handed_out(provider).await).unwrap();
        assert_eq!(read.access_key_id, "id");
        assert_eq!(read.secret_access_key.expose(), "secret");
        assert_eq!(read.session_token.unwrap().expose(), "token");
        assert_eq!(read.expires_at_unix_s, Some(2_000_000_000));
    }

    #[derive(Debug)]
    struct Nothing;

    impl ProvideCredentials for Nothing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none")))
        }
    }

    #[tokio::test]
    async fn without_credentials_the_connection_is_closed_with_nothing_said() {
        assert!(handed_out(Nothing).await.is_empty());
    }

    #[tokio::test]
    async fn a_token_longer_than_the_enclave_would_read_is_not_sent() {
        let token = Some("t".repeat(20_000));
        assert!(handed_out(Credentials::new("id", "s", token, None, "test")).await.is_empty());
    }
}
