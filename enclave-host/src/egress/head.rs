use super::allowlist::Place;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A CONNECT head is one line and a few headers.
pub(super) const MAX_HEAD_BYTES: usize = 4_096;

/// Reads up to the empty line and not a byte further: what follows belongs to the tunnel. None for a
/// head that is too long, cut off or no CONNECT to a named place.
pub(super) async fn read_place(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Place>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD_BYTES {
            return Ok(None);
        }
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(std::str::from_utf8(&head).ok().and_then(connect_place))
}

fn connect_place(head: &str) -> Option<Place> {
    let mut words = head.lines().next()?.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("CONNECT"), Some(place), Some("HTTP/1.1"), None) => Place::parse(place),
        _ => None,
    }
}
