use crate::Drain;
use sharekeep_vsock::{Listener, Stream};
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// After a failed accept: out of descriptors, or a peer that left. Neither ends the service.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Something that takes connections.
pub trait Door: Send + 'static {
    /// The next connection. Dropping the future loses none.
    fn accept(&mut self) -> impl Future<Output = io::Result<Box<dyn Stream>>> + Send;
}

impl Door for TcpListener {
    async fn accept(&mut self) -> io::Result<Box<dyn Stream>> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Requests and answers are written whole: waiting for more only adds delay.
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

impl Door for Listener {
    async fn accept(&mut self) -> io::Result<Box<dyn Stream>> {
        Listener::accept(self).await
    }
}

/// Runs `carry` for each connection, at most so many at once, until the drain starts. The door is
/// closed when this returns; what runs is the drain's.
pub(crate) async fn accept_each<C>(
    mut door: impl Door,
    connections: usize,
    drain: &Drain,
    carry: impl Fn(Box<dyn Stream>) -> C,
) where
    C: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(connections));
    loop {
        // A place first: what cannot be carried waits in the listener's own short queue.
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.expect("nobody closes it"),
            () = drain.stopped() => return,
        };
        let accepted = tokio::select! {
            accepted = door.accept() => accepted,
            () = drain.stopped() => return,
        };
        match accepted {
            Ok(stream) => {
                let connection = carry(stream);
                drain.carry(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
