//! The way out of the enclave: an HTTP CONNECT proxy (RFC 9110 section 9.3.6) on a Unix socket,
//! with a fixed list of names. It moves bytes and can read none: TLS ends in the enclave.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::Error;
use crate::background::Background;

/// A CONNECT head is one line and a few headers.
const MAX_HEAD_BYTES: usize = 4_096;
/// For the head to arrive and for the connection to be made.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at once: KMS and a few identity providers.
const MAX_CONNECTIONS: usize = 64;

/// Where each allowed `host:port` really is.
pub(super) type Destinations = BTreeMap<String, SocketAddr>;

/// Serves in the background.
pub(super) fn start(
    socket: &Path,
    destinations: Destinations,
    background: &Background,
) -> Result<(), Error> {
    let listener = bind(socket)?;
    let destinations = Arc::new(destinations);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = background.clone();
    background.spawn(async move {
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let destinations = Arc::clone(&destinations);
                    connections.spawn(async move {
                        if let Err(error) = carry(stream, &destinations).await {
                            tracing::debug!(%error, "egress connection ended early");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
    Ok(())
}

/// Binds a Unix socket where one of an earlier start may still lie.
pub(crate) fn bind(socket: &Path) -> Result<UnixListener, Error> {
    match std::fs::remove_file(socket) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("remove", socket, e));
        }
        _ => {}
    }
    UnixListener::bind(socket).map_err(|e| Error::io("listen on", socket, e))
}

async fn carry(mut inside: UnixStream, destinations: &Destinations) -> std::io::Result<()> {
    let Ok(head) = tokio::time::timeout(PATIENCE, read_head(&mut inside)).await else {
        return refuse(&mut inside, "408 Request Timeout").await;
    };
    let Some(target) = head?.as_deref().and_then(connect_target).map(str::to_owned) else {
        return refuse(&mut inside, "400 Bad Request").await;
    };
    let Some(address) = destinations.get(&target) else {
        tracing::warn!(target, "egress refused: not on the list");
        return refuse(&mut inside, "403 Forbidden").await;
    };
    let Ok(Ok(mut outside)) = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await
    else {
        return refuse(&mut inside, "502 Bad Gateway").await;
    };
    inside.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut inside, &mut outside).await?;
    Ok(())
}

async fn refuse(inside: &mut UnixStream, status: &str) -> std::io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    inside.write_all(answer.as_bytes()).await?;
    inside.shutdown().await
}

/// Reads up to the empty line and not a byte further: what follows belongs to the tunnel.
async fn read_head(stream: &mut UnixStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD_BYTES {
            return Ok(None);
        }
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
    }
    Ok(String::from_utf8(head).ok())
}

fn connect_target(head: &str) -> Option<&str> {
    let mut words = head.lines().next()?.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("CONNECT"), Some(target), Some("HTTP/1.1"), None) => Some(target),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answer_to(request: &[u8], destinations: Destinations) -> String {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("egress");
        let background = Background::default();
        start(&socket, destinations, &background).unwrap();
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(request).await.unwrap();
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        // A proxy that refuses before it has read everything resets the connection.
        let _ = stream.read_to_end(&mut answer).await;
        background.stop().await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_host_that_is_not_on_the_list_is_refused() {
        let elsewhere = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
        let answer = answer_to(elsewhere, Destinations::new()).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }

    #[tokio::test]
    async fn another_port_of_a_listed_host_is_refused() {
        let listed = Destinations::from([("kms.test:443".into(), ([127, 0, 0, 1], 9).into())]);
        let answer = answer_to(b"CONNECT kms.test:80 HTTP/1.1\r\n\r\n", listed).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }

    #[tokio::test]
    async fn anything_but_connect_is_refused() {
        let answer = answer_to(b"GET http://a/ HTTP/1.1\r\n\r\n", Destinations::new()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let endless = [&b"CONNECT "[..], &vec![b'a'; 2 * MAX_HEAD_BYTES]].concat();
        let answer = answer_to(&endless, Destinations::new()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }

    #[tokio::test]
    async fn bytes_right_behind_the_head_reach_the_listed_host() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut received = String::new();
            stream.read_to_string(&mut received).await.unwrap();
            stream.write_all(format!("got {received}").as_bytes()).await.unwrap();
        });
        let listed = Destinations::from([("kms.test:443".into(), address)]);
        let answer = answer_to(b"CONNECT kms.test:443 HTTP/1.1\r\n\r\nhello", listed).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("got hello"), "{answer}");
    }
}
