use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// The port of the parent that an enclave says it is there to.
pub(crate) const PORT: u32 = 9000;

/// What it says, and hears back.
const BYTE: u8 = 0xB7;

/// Answers every heartbeat, and says when the first was.
pub(crate) async fn answer(listener: UnixListener, answered: watch::Sender<bool>) {
    while let Ok((guest, _)) = listener.accept().await {
        if echo(guest).await.is_ok() {
            answered.send_replace(true);
        }
    }
}

async fn echo(mut guest: UnixStream) -> io::Result<()> {
    if guest.read_u8().await? != BYTE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    guest.write_u8(BYTE).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_byte_that_nitro_expects_is_a_heartbeat() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (answered, heard) = watch::channel(false);
        tokio::spawn(answer(UnixListener::bind(&path).unwrap(), answered));
        let mut wrong = UnixStream::connect(&path).await.unwrap();
        wrong.write_u8(0xB8).await.unwrap();
        assert!(wrong.read_u8().await.is_err());
        assert!(!*heard.borrow());
        let mut right = UnixStream::connect(&path).await.unwrap();
        right.write_u8(BYTE).await.unwrap();
        assert_eq!(right.read_u8().await.unwrap(), BYTE);
        assert!(*heard.borrow());
    }
}
