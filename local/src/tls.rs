//! HTTP/1.1 over TLS on this machine, for what stands in for services elsewhere.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

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
    let acceptor = TlsAcceptor::from(tls);
    let connections = background.clone();
    background.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(serve_one(stream, acceptor.clone(), router.clone()));
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

async fn serve_one(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "tls handshake failed"),
        Err(_) => return tracing::debug!("tls handshake took too long"),
    };
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended early");
    }
}
