use std::io;
use std::path::{Path, PathBuf};

use sharekeep_vsock::MAX_WRITE_BYTES;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// The guest's port that its host asks at.
const PORT: u32 = 5000;

/// Longest answer to `CONNECT`: "OK " and a port.
const MAX_ANSWER_BYTES: u64 = 32;

/// Carries every connection of `listener` to the guest, by the socket at which `vhost-device-vsock`
/// takes the host's connections. Ends with all its connections when it is dropped.
pub(crate) async fn serve(listener: UnixListener, guest: PathBuf) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let guest = guest.clone();
        // An error is one of this connection, and its client sees it end.
        connections.spawn(async move { carry(client, &guest).await.ok() });
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(client: UnixStream, guest: &Path) -> io::Result<()> {
    let guest = connect(guest).await?;
    let (from_client, to_client) = client.into_split();
    let (from_guest, to_guest) = guest.into_split();
    // The end of one direction is the end of both, as it is on vsock.
    tokio::select! {
        ended = pour(from_client, to_guest) => ended,
        ended = pour(from_guest, to_client) => ended,
    }
}

/// Dials the guest's port. Nothing may be sent before the answer: it would be lost.
async fn connect(guest: &Path) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(guest).await?;
    stream.write_all(format!("CONNECT {PORT}\n").as_bytes()).await?;
    let mut answer = Vec::new();
    let mut reader = (&mut stream).take(MAX_ANSWER_BYTES);
    // Byte by byte: what follows the line is the guest's.
    while !answer.ends_with(b"\n") {
        answer.push(reader.read_u8().await?);
    }
    if !answer.starts_with(b"OK ") {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

/// Reads no more than was written, in pieces that vsock takes.
async fn pour(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut piece = vec![0; MAX_WRITE_BYTES];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&piece[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// The socket to dial, and the one that stands for the guest.
    fn bridged() -> (TempDir, PathBuf, UnixListener) {
        let folder = tempfile::tempdir().unwrap();
        let (enclave, guest) = (folder.path().join("enclave"), folder.path().join("guest"));
        let listener = UnixListener::bind(&enclave).unwrap();
        tokio::spawn(serve(listener, guest.clone()));
        (folder, enclave, UnixListener::bind(guest).unwrap())
    }

    async fn asked_for(guest: &UnixListener) -> UnixStream {
        let mut stream = guest.accept().await.unwrap().0;
        let mut asked = [0; 13];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"CONNECT 5000\n");
        stream
    }

    #[tokio::test]
    async fn nothing_is_sent_before_the_guest_has_accepted_and_nothing_of_it_is_lost() {
        let (_folder, enclave, guest) = bridged();
        let mut client = UnixStream::connect(enclave).await.unwrap();
        client.write_all(b"early").await.unwrap();
        let mut there = asked_for(&guest).await;
        let early = there.try_read(&mut [0; 8]).unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::WouldBlock);
        there.write_all(b"OK 1073741824\nfirst").await.unwrap();
        let (mut said, mut heard) = ([0; 5], [0; 5]);
        there.read_exact(&mut said).await.unwrap();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!((&said, &heard), (b"early", b"first"));
    }

    #[tokio::test]
    async fn a_megabyte_each_way_at_once_arrives_in_order() {
        let (_folder, enclave, guest) = bridged();
        let client = UnixStream::connect(enclave).await.unwrap();
        let mut there = asked_for(&guest).await;
        there.write_all(b"OK 1\n").await.unwrap();
        let sent: Vec<u8> = (0..1u32 << 18).flat_map(u32::to_le_bytes).collect();
        let exchange = |stream: UnixStream, sent: Vec<u8>| async move {
            let (mut read, mut write) = stream.into_split();
            let mut got = vec![0; sent.len()];
            let (written, got_all) =
                tokio::join!(write.write_all(&sent), read.read_exact(&mut got));
            written.unwrap();
            got_all.unwrap();
            assert!(got == sent);
            // Both halves live until the other side has read everything.
            (read, write)
        };
        let _open = tokio::join!(exchange(client, sent.clone()), exchange(there, sent));
    }

    #[tokio::test]
    async fn a_refused_port_and_a_guest_that_ends_end_the_clients_connection() {
        let (_folder, enclave, guest) = bridged();
        let mut refused = UnixStream::connect(&enclave).await.unwrap();
        drop(asked_for(&guest).await);
        assert_eq!(refused.read(&mut [0; 8]).await.unwrap(), 0);
        let mut ended = UnixStream::connect(&enclave).await.unwrap();
        let mut there = asked_for(&guest).await;
        there.write_all(b"OK 1\nlast").await.unwrap();
        drop(there);
        let mut heard = Vec::new();
        ended.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last");
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_not_read_for_ever() {
        let (_folder, enclave, guest) = bridged();
        let mut client = UnixStream::connect(enclave).await.unwrap();
        asked_for(&guest).await.write_all(&[b'O'; 64]).await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
