//! The way out of the enclave: an HTTP CONNECT proxy (RFC 9110 section 9.3.6) to a fixed list of
//! places. It moves bytes and can read none: TLS ends in the enclave.
//!
//! The enclave asks by name; the name is resolved here, every address is checked, and the one that
//! was checked is the one that is dialled, so that a name that changes between the two gains nothing.

mod address;
mod allowlist;
mod head;
mod resolve;

pub use allowlist::{Allowlist, Reach};
pub use resolve::{Found, Resolve, SystemResolver};

use crate::Drain;
use crate::door::{Door, accept_each};
use crate::relay::relay;
use allowlist::Place;
use head::read_place;
use sharekeep_vsock::Stream;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// For the head to arrive, and again for the name to be found and the connection to be made.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at once: KMS and a few identity providers.
const MAX_CONNECTIONS: usize = 64;
/// How long a tunnel may rest: the enclave opens one for each request.
const IDLE: Duration = Duration::from_secs(60);

/// The proxy.
#[derive(Clone)]
pub struct Egress {
    allowed: Arc<Allowlist>,
    resolver: Arc<dyn Resolve>,
}

impl Egress {
    /// A proxy to these places.
    pub fn new(allowed: Allowlist, resolver: impl Resolve + 'static) -> Self {
        Self { allowed: Arc::new(allowed), resolver: Arc::new(resolver) }
    }

    /// Carries until the drain starts.
    pub async fn serve(self, door: impl Door, drain: Drain) {
        accept_each(door, MAX_CONNECTIONS, &drain, |inside| {
            let proxy = self.clone();
            async move {
                if let Err(error) = proxy.carry(inside).await {
                    tracing::debug!(%error, "a tunnel ended early");
                }
            }
        })
        .await;
    }

    async fn carry(&self, mut inside: Box<dyn Stream>) -> io::Result<()> {
        let Ok(place) = tokio::time::timeout(PATIENCE, read_place(&mut inside)).await else {
            return refuse(&mut inside, "408 Request Timeout").await;
        };
        let Some(place) = place? else {
            return refuse(&mut inside, "400 Bad Request").await;
        };
        let Some(reach) = self.allowed.reach(&place) else {
            tracing::warn!(host = place.host, port = place.port, "egress refused: not listed");
            return refuse(&mut inside, "403 Forbidden").await;
        };
        let dialled = tokio::time::timeout(PATIENCE, self.dial(&place, reach)).await;
        let outside = match dialled {
            Ok(Ok(outside)) => outside,
            Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                tracing::warn!(host = place.host, "egress refused: the name leads elsewhere");
                return refuse(&mut inside, "403 Forbidden").await;
            }
            _ => return refuse(&mut inside, "502 Bad Gateway").await,
        };
        inside.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        inside.flush().await?;
        relay(inside, outside, IDLE).await
    }

    async fn dial(&self, place: &Place, reach: Reach) -> io::Result<TcpStream> {
        let addresses = match reach {
            Reach::At(address) => vec![address],
            Reach::Public | Reach::Private => {
                self.resolver.resolve(&place.host, place.port).await?
            }
        };
        let admitted: Vec<SocketAddr> =
            addresses.into_iter().filter(|address| reach.admits(address.ip())).collect();
        if admitted.is_empty() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // Tried one after the other; the last failure is told.
        TcpStream::connect(&admitted[..]).await
    }
}

/// What the fuzz targets see of a head: the place that it names.
#[cfg(fuzzing)]
pub async fn fuzzed_place(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
) -> io::Result<Option<(String, u16)>> {
    Ok(read_place(stream).await?.map(|place| (place.host, place.port)))
}

async fn refuse(inside: &mut (impl Stream + ?Sized), status: &str) -> io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    inside.write_all(answer.as_bytes()).await?;
    inside.shutdown().await
}
