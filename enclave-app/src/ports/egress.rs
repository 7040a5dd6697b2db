use super::Later;
use crate::Error;
use crate::net;
use sharekeep_vsock::{Address, Stream, dial};
use std::{io, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// The way out. Everything that goes this way must be TLS that ends in this process.
pub trait Egress: Send + Sync {
    /// A connection to `host:port`.
    ///
    /// # Errors
    /// [`Error::Egress`].
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> Later<'a, Result<Box<dyn Stream>, Error>>;
}

/// The host's egress proxy, spoken to by HTTP CONNECT (RFC 9110 section 9.3.6). It is not trusted:
/// it may connect elsewhere, and then TLS fails.
#[derive(Clone, Debug)]
pub struct EgressProxy {
    address: Address,
}

/// Longest wait for the proxy to connect.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer of the proxy in bytes.
const MAX_ANSWER_BYTES: usize = 1024;

impl EgressProxy {
    /// A proxy at an address.
    pub fn new(address: Address) -> Self {
        Self { address }
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let mut stream = dial(&self.address).await?;
        let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        read_answer(&mut stream).await?;
        Ok(stream)
    }
}

/// Reads the proxy's answer and nothing after it: that already belongs to the tunnel.
async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let refused = |why| io::Error::new(io::ErrorKind::ConnectionRefused, why);
    let mut answer = Vec::with_capacity(128);
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == MAX_ANSWER_BYTES {
            return Err(refused("the proxy's answer is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    if answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.0 200") {
        Ok(())
    } else {
        Err(refused("the proxy refused"))
    }
}

/// What the fuzz targets see of the proxy's answer.
#[cfg(fuzzing)]
pub async fn fuzzed_answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    read_answer(stream).await
}

impl Egress for EgressProxy {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> Later<'a, Result<Box<dyn Stream>, Error>> {
        Box::pin(async move {
            if !net::is_host(host) {
                return Err(Error::EgressForbidden);
            }
            tokio::time::timeout(DIAL_TIMEOUT, self.connect(host, port))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map_err(Error::Egress)
        })
    }
}
