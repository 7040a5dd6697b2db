//! HTTP/1.1 over TLS on this machine, for what stands in for services elsewhere.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::background::Background;

/// A client that does not finish its handshake or its request head is dropped after this.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves in the background; open connections end with it.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    background: &Background,
) {
    accept_each(listener, tls, background, move |stream| serve_one(stream, router.clone()));
}

/// Ends TLS in front of something that speaks without, in the background.
pub(crate) fn carry(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    behind: SocketAddr,
    background: &Background,
) {
    accept_each(listener, tls, background, move |mut stream| async move {
        let carried = async {
            let mut plain = TcpStream::connect(behind).await?;
            tokio::io::copy_bidirectional(&mut stream, &mut plain).await
        };
        if let Err(error) = carried.await {
            tracing::debug!(%error, "connection ended early");
        }
    });
}

fn accept_each<A>(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    background: &Background,
    answer: impl Fn(TlsStream<TcpStream>) -> A + Clone + Send + Sync + 'static,
) where
    A: Future<Output = ()> + Send,
{
    let acceptor = TlsAcceptor::from(tls);
    let connections = background.clone();
    background.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (acceptor, answer) = (acceptor.clone(), answer.clone());
                    connections.spawn(async move {
                        if let Some(stream) = shake_hands(stream, &acceptor).await {
                            answer(stream).await;
                        }
                    });
                }
                // Out of descriptors, most likely: give others time to close theirs.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
}

async fn shake_hands(stream: TcpStream, acceptor: &TlsAcceptor) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "tls handshake failed"),
        Err(_) => tracing::debug!("tls handshake took too long"),
    }
    None
}

async fn serve_one(stream: TlsStream<TcpStream>, router: Router) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended early");
    }
}
