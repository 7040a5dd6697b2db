use super::Later;
use crate::Error;
use crate::net::{self, CappedWrites};
use std::{io, path::PathBuf, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_vsock::{VsockAddr, VsockStream};

/// A connection: bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The way out. Everything that goes this way must be TLS that ends in this process.
pub trait Egress: Send + Sync {
    /// A connection to `host:port`.
    ///
    /// # Errors
    /// [`Error::Egress`].
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> Later<'a, Result<Box<dyn Stream>, Error>>;
}

/// Where the host's egress proxy listens.
#[derive(Clone, Debug)]
pub enum ProxyAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A port of the parent instance.
    Vsock {
        /// Its context id: 3 on Nitro.
        cid: u32,
        /// The port.
        port: u32,
    },
}

/// The host's egress proxy, spoken to by HTTP CONNECT (RFC 9110 section 9.3.6). It is not trusted:
/// it may connect elsewhere, and then TLS fails.
#[derive(Clone, Debug)]
pub struct EgressProxy {
    address: ProxyAddress,
}

/// Longest wait for the proxy to connect.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer of the proxy in bytes.
const MAX_ANSWER_BYTES: usize = 1024;

impl EgressProxy {
    /// A proxy at an address.
    pub fn new(address: ProxyAddress) -> Self {
        Self { address }
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let mut stream: Box<dyn Stream> = match &self.address {
            ProxyAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
            ProxyAddress::Vsock { cid, port } => Box::new(CappedWrites::new(
                VsockStream::connect(VsockAddr::new(*cid, *port)).await?,
            )),
        };
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
