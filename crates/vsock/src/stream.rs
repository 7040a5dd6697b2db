use crate::Address;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_vsock::{VsockAddr, VsockStream};

/// A connection: bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects.
///
/// # Errors
/// What the system says.
pub async fn dial(address: &Address) -> io::Result<Box<dyn Stream>> {
    match address {
        Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Vsock { cid, port } => {
            let stream = VsockStream::connect(VsockAddr::new(*cid, *port)).await?;
            Ok(Box::new(VsockSafe::new(stream)))
        }
    }
}

/// Longest single write on vsock in bytes. Writes over about 32 KiB were seen to hang, and are
/// reported to corrupt data on real machines.
pub const MAX_WRITE_BYTES: usize = 16 * 1024;

/// A vsock stream with two habits of vsock taken out: single writes are never longer than
/// [`MAX_WRITE_BYTES`], and the end of writing is not sent ahead of the end of the connection, since
/// some transports then end both directions and lose what is on its way back. Peers must therefore
/// frame what they say by length; dropping the stream ends the connection.
#[derive(Debug)]
pub struct VsockSafe<S>(S);

impl<S> VsockSafe<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Self {
        Self(stream)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for VsockSafe<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for VsockSafe<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let part = &bytes[..bytes.len().min(MAX_WRITE_BYTES)];
        Pin::new(&mut self.0).poll_write(context, part)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[derive(Default)]
    struct Observed {
        longest: usize,
        total: usize,
        shut_down: bool,
    }

    impl AsyncWrite for Observed {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.longest = self.longest.max(bytes.len());
            self.total += bytes.len();
            Poll::Ready(Ok(bytes.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.shut_down = true;
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_long_answer_goes_out_in_short_writes_and_whole() {
        let mut stream = VsockSafe::new(Observed::default());
        stream.write_all(&vec![7; 100_000]).await.unwrap();
        assert_eq!((stream.0.longest, stream.0.total), (MAX_WRITE_BYTES, 100_000));
    }

    #[tokio::test]
    async fn the_end_of_writing_does_not_end_the_other_direction() {
        let mut stream = VsockSafe::new(Observed::default());
        stream.shutdown().await.unwrap();
        assert!(!stream.0.shut_down);
    }
}
