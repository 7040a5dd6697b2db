//! HTTP, and nothing else: sends a request, takes a bounded answer.

mod tls;

use crate::{Error, Result};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long one request may take. A full cggmp24 step takes the enclave half a second, and it may
/// wait for a CPU.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long reaching a host may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A pool of connections.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// What a client has exchanged with hosts so far. Bodies only: heads are a few hundred bytes more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Requests that were answered.
    pub requests: u64,
    /// Bytes of request bodies.
    pub bytes_sent: u64,
    /// Bytes of answers' bodies.
    pub bytes_received: u64,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Transport {
    /// Prepares connections; nothing is sent yet.
    pub(crate) fn new(authorities_pem: Option<&str>) -> Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        // Whether plain http is allowed is decided where addresses are parsed.
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::configuration(authorities_pem)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, counters: Arc::default() })
    }

    /// What was exchanged so far.
    pub(crate) fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: read(&self.counters.requests),
            bytes_sent: read(&self.counters.sent),
            bytes_received: read(&self.counters.received),
        }
    }

    /// Sends a request and reads at most `limit` bytes of an answer.
    ///
    /// # Errors
    /// [`Error::Unreachable`] for everything that another try may cure.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        limit: usize,
    ) -> Result<Answer> {
        let sent = body.len() as u64;
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .body(Full::new(body))
            .map_err(|_| Error::Usage(format!("{url} is not a URL")))?;
        *request.headers_mut() = headers;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|e| describe(&e))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, limit).collect().await.map_err(|e| {
                if e.is::<http_body_util::LengthLimitError>() {
                    Error::Answer("it is too large")
                } else {
                    Error::Unreachable("the connection broke".to_owned())
                }
            })?;
            let body = body.to_bytes();
            self.counters.requests.fetch_add(1, Ordering::Relaxed);
            self.counters.sent.fetch_add(sent, Ordering::Relaxed);
            self.counters.received.fetch_add(body.len() as u64, Ordering::Relaxed);
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(REQUEST_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(Error::Unreachable("no answer in time".to_owned())))
    }
}

/// The innermost cause says what happened ("connection refused"); the outer ones only that
/// something did.
fn describe(error: &dyn std::error::Error) -> Error {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Error::Unreachable(cause.to_string())
}
