use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::world::bind;

/// Most bytes that a tap keeps: more than any test sends.
const MAX_RECORDED_BYTES: usize = 64 << 20;
const BUFFER_BYTES: usize = 16_384;

/// Everything that went over a connection of the stack, both ways, in order of arrival.
#[derive(Clone, Default)]
pub struct Recording(Arc<Mutex<Vec<u8>>>);

impl Recording {
    /// What was recorded so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, bytes: &[u8]) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_RECORDED_BYTES.saturating_sub(recorded.len());
        recorded.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Records what clients and functions say to each other: listens in the functions' place.
pub(super) fn tap_tcp(
    listener: TcpListener,
    behind: std::net::SocketAddr,
    recording: Recording,
    stop: CancellationToken,
) {
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        while let Ok((front, _)) = listener.accept().await {
            let recording = recording.clone();
            tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
                if let Ok(back) = TcpStream::connect(behind).await {
                    carry(front, back, recording).await;
                }
            }));
        }
    }));
}

/// Records what functions and enclave say to each other: listens in the enclave's place.
pub(super) fn tap_unix(
    socket: &Path,
    behind: PathBuf,
    recording: Recording,
    stop: CancellationToken,
) -> Result<(), Error> {
    let mut listener = bind(socket)?;
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        while let Ok(front) = listener.accept().await {
            let (recording, behind) = (recording.clone(), behind.clone());
            tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
                if let Ok(back) = UnixStream::connect(&behind).await {
                    carry(front, back, recording).await;
                }
            }));
        }
    }));
    Ok(())
}

async fn carry<F, B>(front: F, back: B, recording: Recording)
where
    F: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (front_in, front_out) = tokio::io::split(front);
    let (back_in, back_out) = tokio::io::split(back);
    // One side that is gone makes the other useless.
    tokio::select! {
        () = copy(front_in, back_out, &recording) => {}
        () = copy(back_in, front_out, &recording) => {}
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    recording: &Recording,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        recording.add(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
