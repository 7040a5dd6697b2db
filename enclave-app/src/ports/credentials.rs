use super::{Clock, Later};
use crate::Error;
use sharekeep_schemas::SecretText;
use sharekeep_schemas::host::{HostCredentials, MAX_CREDENTIALS_BYTES};
use sharekeep_vsock::{Address, dial};
use std::{io, sync::Arc, time::Duration};
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// Credentials for calls to KMS. They alone open nothing: KMS also wants this image's attestation.
pub struct KmsCredentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretText,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretText>,
}

/// Where credentials come from.
pub trait CredentialSource: Send + Sync {
    /// The credentials to use now.
    ///
    /// # Errors
    /// [`Error::Credentials`].
    fn current(&self) -> Later<'_, Result<KmsCredentials, Error>>;
}

/// Longest wait for the host, which may have to ask the instance's metadata service first.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long before their end credentials are asked for anew, in seconds. The instance has new ones at
/// least five minutes before.
const RENEW_BEFORE_S: u64 = 300;

/// The credentials that the host hands out, kept until shortly before they end. The host is not
/// trusted with more than availability: with wrong ones KMS refuses, and right ones open nothing
/// for anybody else.
pub struct CredentialsFromHost {
    address: Address,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<HostCredentials>>,
}

impl CredentialsFromHost {
    /// From where the host hands them out. Does not ask yet.
    pub fn new(address: Address, clock: Arc<dyn Clock>) -> Self {
        Self { address, clock, kept: Mutex::new(None) }
    }

    async fn ask(&self) -> Result<HostCredentials, Error> {
        let bytes = tokio::time::timeout(PATIENCE, self.read())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|_| Error::Credentials("the host hands none out"))?;
        HostCredentials::from_bytes(&bytes)
            .map_err(|_| Error::Credentials("the host hands out something else"))
    }

    async fn read(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut host = dial(&self.address).await?;
        let length = usize::from(host.read_u16().await?);
        if length > MAX_CREDENTIALS_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        host.read_exact(&mut bytes).await?;
        Ok(bytes)
    }
}

impl CredentialSource for CredentialsFromHost {
    fn current(&self) -> Later<'_, Result<KmsCredentials, Error>> {
        Box::pin(async move {
            let mut kept = self.kept.lock().await;
            let now = self.clock.now_unix_s();
            // Those that say no end are asked for each time: the host may have others by then.
            let lasts = |kept: &HostCredentials, margin_s| {
                kept.expires_at_unix_s.is_some_and(|end| now.saturating_add(margin_s) < end)
            };
            if !kept.as_ref().is_some_and(|kept| lasts(kept, RENEW_BEFORE_S)) {
                match self.ask().await {
                    Ok(fresh) => *kept = Some(fresh),
                    // A host that is away for a moment must not end what still works.
                    Err(_) if kept.as_ref().is_some_and(|kept| lasts(kept, 0)) => {}
                    Err(error) => return Err(error),
                }
            }
            let kept = kept.as_ref().ok_or(Error::Credentials("the host hands none out"))?;
            Ok(KmsCredentials {
                access_key_id: kept.access_key_id.clone(),
                secret_access_key: kept.secret_access_key.clone(),
                session_token: kept.session_token.clone(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_vsock::Listener;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::io::AsyncWriteExt;

    const END: u64 = 10_000;

    struct SetClock(AtomicU64);

    impl Clock for SetClock {
        fn now_unix_s(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    struct World {
        _folder: tempfile::TempDir,
        listener: Listener,
        clock: Arc<SetClock>,
        source: CredentialsFromHost,
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("credentials"));
        let listener = Listener::bind(&address).unwrap();
        let clock = Arc::new(SetClock(AtomicU64::new(0)));
        let source = CredentialsFromHost::new(address, clock.clone());
        World { _folder: folder, listener, clock, source }
    }

    fn frame(id: &str, expires_at_unix_s: Option<u64>) -> Zeroizing<Vec<u8>> {
        let credentials = HostCredentials {
            access_key_id: id.to_owned(),
            secret_access_key: SecretText::new("secret".to_owned()),
            session_token: None,
            expires_at_unix_s,
        };
        credentials.to_frame().unwrap()
    }

    impl World {
        /// What the enclave gets when a host that is asked says these bytes; and whether it asked.
        async fn current(&mut self, said: &[u8]) -> (Result<String, Error>, bool) {
            let Self { listener, source, .. } = self;
            let mut asked = false;
            let host = async {
                let mut enclave = listener.accept().await.unwrap();
                asked = true;
                enclave.write_all(said).await.unwrap();
                drop(enclave);
                std::future::pending::<()>().await;
            };
            let got = tokio::select! {
                () = host => unreachable!("it waits for ever"),
                got = source.current() => got.map(|credentials| credentials.access_key_id),
            };
            (got, asked)
        }
    }

    #[tokio::test]
    async fn credentials_are_kept_until_five_minutes_before_their_end() {
        let mut world = world();
        let (got, asked) = world.current(&frame("first", Some(END))).await;
        assert_eq!((got.unwrap().as_str(), asked), ("first", true));
        world.clock.0.store(END - RENEW_BEFORE_S - 1, Ordering::Relaxed);
        let (got, asked) = world.current(&frame("second", Some(2 * END))).await;
        assert_eq!((got.unwrap().as_str(), asked), ("first", false));
        world.clock.0.store(END - RENEW_BEFORE_S, Ordering::Relaxed);
        let (got, asked) = world.current(&frame("second", Some(2 * END))).await;
        assert_eq!((got.unwrap().as_str(), asked), ("second", true));
    }

    #[tokio::test]
    async fn a_host_that_is_away_does_not_end_credentials_that_still_hold() {
        let mut world = world();
        world.current(&frame("first", Some(END))).await.0.unwrap();
        world.clock.0.store(END - 1, Ordering::Relaxed);
        assert_eq!(world.current(b"").await.0.unwrap(), "first");
        world.clock.0.store(END, Ordering::Relaxed);
        assert!(matches!(world.current(b"").await.0, Err(Error::Credentials(_))));
    }

    #[tokio::test]
    async fn credentials_without_an_end_are_asked_for_each_time() {
        let mut world = world();
        world.current(&frame("first", None)).await.0.unwrap();
        assert_eq!(world.current(&frame("second", None)).await.0.unwrap(), "second");
    }

    #[tokio::test]
    async fn a_host_that_says_too_much_or_nonsense_is_refused() {
        let mut world = world();
        let long = [&u16::MAX.to_be_bytes()[..], &[0; 100]].concat();
        for said in [&long[..], &[0, 3, 1, 2, 3], &[0, 9, 1]] {
            assert!(matches!(world.current(said).await.0, Err(Error::Credentials(_))));
        }
    }
}
