use crate::{Address, Stream, VsockSafe};
use std::io;
use tokio::net::UnixListener;
use tokio_vsock::{VsockAddr, VsockListener};

/// Takes connections at an [`Address`].
pub enum Listener {
    /// A Unix socket.
    Unix(UnixListener),
    /// A vsock port.
    Vsock(VsockListener),
}

impl Listener {
    /// Listens. A Unix socket that an earlier start left behind is replaced.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Unix(path) => {
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                UnixListener::bind(path).map(Self::Unix)
            }
            Address::Vsock { cid, port } => {
                VsockListener::bind(VsockAddr::new(*cid, *port)).map(Self::Vsock)
            }
        }
    }

    /// The next connection. Dropping the future loses none.
    ///
    /// # Errors
    /// What the system says; none of them means that the listener is done.
    pub async fn accept(&mut self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Unix(unix) => Ok(Box::new(unix.accept().await?.0)),
            Self::Vsock(vsock) => Ok(Box::new(VsockSafe::new(vsock.accept().await?.0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dial;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_second_start_takes_the_socket_over_and_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("socket"));
        drop(Listener::bind(&address).unwrap());
        let mut listener = Listener::bind(&address).unwrap();
        let (mut here, there) = tokio::join!(dial(&address), listener.accept());
        here.as_mut().unwrap().write_all(b"hello").await.unwrap();
        let mut said = [0; 5];
        there.unwrap().read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"hello");
    }
}
