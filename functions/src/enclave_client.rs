//! Calls an enclave: CBOR over HTTP, through the host beside it. The enclave is trusted to be right
//! about its own records, not to be well: every answer is capped and every call has a time-out.

use crate::config::ENCLAVE_CALL_TIMEOUT;
use crate::error::{Error, Result};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::codec;
use sharekeep_schemas::enclave::{CALL_PATH, Call, EnclaveHealth, HEALTH_PATH, Reply};
use sharekeep_schemas::fleet::EnclaveAddress;
use sharekeep_schemas::limits::MAX_ENCLAVE_CALL_BYTES;
use std::time::Duration;
use tokio::time::Instant;

/// For a host to accept: it does so at once or is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an enclave may take to say how it is.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// Largest health answer.
const MAX_HEALTH_BYTES: usize = 4_096;
/// Connections kept open to one enclave; more are made while it is busy.
const MAX_IDLE_CONNECTIONS: usize = 32;
/// How long a connection may have rested to be used again. An enclave closes it after ten seconds: a
/// request that is on its way just then would be lost.
const MAX_REST: Duration = Duration::from_secs(8);
/// When an overloaded enclave does not say when to come back.
const DEFAULT_RETRY_AFTER_S: u32 = 1;
/// Longest wait that is passed on: an enclave that is confused must not send clients away for good.
const MAX_RETRY_AFTER_S: u32 = 600;

/// What is left of the time that all calls for one request have together.
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn of_a_request() -> Self {
        Self::after(ENCLAVE_CALL_TIMEOUT)
    }

    fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub(crate) async fn bounds<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout_at(self.0, call)
            .await
            .map_err(|_| Error::EnclaveUnavailable("no answer in time".into()))?
    }
}

/// One enclave.
pub struct EnclaveClient {
    client: Client<HttpConnector, Full<Bytes>>,
    address: EnclaveAddress,
}

impl EnclaveClient {
    /// Does not connect yet.
    pub fn new(address: EnclaveAddress) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .pool_idle_timeout(MAX_REST)
            .build(connector);
        Self { client, address }
    }

    /// Where it is.
    pub fn address(&self) -> EnclaveAddress {
        self.address
    }

    /// Calls the enclave once.
    pub async fn call(&self, call: &Call, traceparent: Option<&str>) -> Result<Reply> {
        let body = codec::encode(call);
        if body.len() > MAX_ENCLAVE_CALL_BYTES {
            // Bodies are much smaller: it is the records, which are as many as the user has made.
            return Err(Error::refused_with(
                ProblemCode::TooMany,
                "what this request needs does not fit into one call: delete backups of archived \
                 wallets",
            ));
        }
        let mut request = self.request(Method::POST, CALL_PATH);
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        let request = request.header(header::CONTENT_TYPE, "application/cbor");
        self.send(request, body, MAX_ENCLAVE_CALL_BYTES, ENCLAVE_CALL_TIMEOUT).await
    }

    /// Asks how the enclave is.
    pub async fn health(&self) -> Result<EnclaveHealth> {
        let request = self.request(Method::GET, HEALTH_PATH);
        self.send(request, Vec::new(), MAX_HEALTH_BYTES, HEALTH_TIMEOUT).await
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("http://{}{path}", self.address))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
        limit_bytes: usize,
        timeout: Duration,
    ) -> Result<T> {
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Error::Internal("an enclave request cannot be built"))?;
        let exchange = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|_| Error::EnclaveUnavailable("cannot be reached".into()))?;
            let (parts, body) = answer.into_parts();
            match parts.status {
                StatusCode::OK => {}
                StatusCode::SERVICE_UNAVAILABLE => {
                    return Err(Error::EnclaveOverloaded {
                        retry_after_s: retry_after(&parts.headers),
                    });
                }
                _ => return Err(Error::EnclaveBroken("an unexpected status")),
            }
            let body = Limited::new(body, limit_bytes)
                .collect()
                .await
                .map_err(|_| Error::EnclaveBroken("an answer cut short or too large"))?;
            codec::decode(&body.to_bytes(), limit_bytes)
                .map_err(|_| Error::EnclaveBroken("an answer that does not parse"))
        };
        tokio::time::timeout(timeout, exchange)
            .await
            .map_err(|_| Error::EnclaveUnavailable("no answer in time".into()))?
    }
}

fn retry_after(headers: &http::HeaderMap) -> u32 {
    headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEFAULT_RETRY_AFTER_S)
        .min(MAX_RETRY_AFTER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_that_are_each_in_time_are_not_all_together() {
        let (limit, each) = (Duration::from_millis(1_500), Duration::from_millis(800));
        let deadline = Deadline::after(limit);
        let call = || async {
            tokio::time::sleep(each).await;
            Ok(())
        };
        assert!(deadline.bounds(call()).await.is_ok());
        assert!(matches!(deadline.bounds(call()).await, Err(Error::EnclaveUnavailable(_))));
    }
}
