use crate::{Enclave, Error, core::Refusal};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sharekeep_schemas::enclave::{CALL_PATH, HEALTH_PATH, Reply};
use sharekeep_schemas::{ProblemCode, codec, limits};
use sharekeep_vsock::Listener;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Longest wait for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest head: our own functions send a few hundred bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long running requests may take to end when the enclave stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves `POST /v1/call` and `GET /health` until `stop` is done; running requests are finished.
///
/// # Errors
/// [`Error::Listener`].
pub async fn serve(
    mut listener: Listener,
    enclave: Arc<Enclave>,
    connections: usize,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let places = Arc::new(Semaphore::new(connections));
    let mut stop = std::pin::pin!(stop);
    let (stopping, stopped) = tokio::sync::watch::channel(());
    loop {
        // A place first: what cannot be served waits in the listener's own short queue.
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.expect("nobody closes it"),
            () = &mut stop => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    // Out of descriptors, or a peer that left: neither ends the service.
                    tracing::warn!(%error, "accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let (enclave, mut stopped) = (enclave.clone(), stopped.clone());
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(move |request| {
                let enclave = enclave.clone();
                async move { Ok::<_, Infallible>(answer(&enclave, request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                // A peer that leaves is no event.
                _ = connection.as_mut() => {}
                _ = stopped.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
        });
    }
    drop(stopping);
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    // Whoever does not end in time is cut off with the process.
    let _ = tokio::time::timeout(STOP_TIMEOUT, places.acquire_many(all)).await;
    Ok(())
}

async fn answer(enclave: &Arc<Enclave>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, CALL_PATH) => call(enclave, request).await,
        (&Method::GET, HEALTH_PATH) => cbor(StatusCode::OK, codec::encode(&enclave.health())),
        (_, CALL_PATH | HEALTH_PATH) => refuse(ProblemCode::MethodNotAllowed),
        _ => refuse(ProblemCode::NotFound),
    }
}

async fn call(enclave: &Arc<Enclave>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let limited = Limited::new(request.into_body(), limits::MAX_ENCLAVE_CALL_BYTES);
    let body = match tokio::time::timeout(BODY_TIMEOUT, limited.collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return refuse(ProblemCode::TooLarge),
        _ => return refuse(ProblemCode::MalformedRequest),
    };
    match codec::decode(&body, limits::MAX_ENCLAVE_CALL_BYTES) {
        Ok(call) => reply(&enclave.call(call).await),
        Err(_) => refuse(ProblemCode::MalformedRequest),
    }
}

fn refuse(code: ProblemCode) -> Response<Full<Bytes>> {
    reply(&Refusal::from(code).into())
}

/// A decided call is a 200, refused or not: the status of the HTTP answer to the client is the
/// function's business. Only overload is said here, so that whatever balances load can see it.
fn reply(reply: &Reply) -> Response<Full<Bytes>> {
    let body = codec::encode(reply);
    match reply {
        Reply::Refused { code: ProblemCode::Overloaded, retry_after_s, .. } => {
            let mut answer = cbor(StatusCode::SERVICE_UNAVAILABLE, body);
            let seconds = HeaderValue::from(retry_after_s.unwrap_or(1));
            answer.headers_mut().insert(RETRY_AFTER, seconds);
            answer
        }
        _ => cbor(StatusCode::OK, body),
    }
}

fn cbor(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_is_a_503_with_a_time_to_come_back() {
        let answer = reply(&Refusal::later(ProblemCode::Overloaded, 7).into());
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "7");
        let other = reply(&Refusal::later(ProblemCode::KmsUnavailable, 5).into());
        assert_eq!(other.status(), StatusCode::OK);
    }
}
