use crate::Drain;
use crate::door::{Door, accept_each};
use crate::relay::relay;
use sharekeep_vsock::{Address, Stream, dial};
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// For the enclave to accept: it does so at once or is not there.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// The way in: what is said to the host's port is said to the enclave.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Where the enclave serves.
    pub enclave: Address,
    /// Connections at once; more wait in the listener's queue.
    pub connections: usize,
    /// How long a connection may rest.
    pub idle: Duration,
}

impl Forward {
    /// Carries until the drain starts.
    pub async fn serve(self, door: impl Door, drain: Drain) {
        accept_each(door, self.connections, &drain, |outside| {
            let (enclave, idle) = (self.enclave.clone(), self.idle);
            async move {
                if let Err(error) = carry(outside, &enclave, idle).await {
                    tracing::debug!(%error, "a connection to the enclave ended early");
                }
            }
        })
        .await;
    }
}

async fn carry(mut outside: Box<dyn Stream>, enclave: &Address, idle: Duration) -> io::Result<()> {
    let inside = tokio::time::timeout(DIAL_TIMEOUT, dial(enclave))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    match inside {
        Ok(inside) => relay(outside, inside, idle).await,
        Err(error) => {
            tracing::warn!(%error, "the enclave cannot be reached");
            outside.shutdown().await
        }
    }
}
