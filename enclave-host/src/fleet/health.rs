use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use sharekeep_schemas::codec;
use sharekeep_schemas::enclave::{EnclaveHealth, HEALTH_PATH};
use sharekeep_vsock::{Address, dial};
use std::time::Duration;

/// For the enclave to say how it is: it does so at once or is not well.
const PATIENCE: Duration = Duration::from_secs(2);
/// Largest answer in bytes.
const MAX_BYTES: usize = 4_096;

/// Asks the enclave how it is; none if it does not say so in time. What it says is the enclave's
/// word, and only used to send requests to it or elsewhere.
pub(super) async fn ask(enclave: &Address) -> Option<EnclaveHealth> {
    tokio::time::timeout(PATIENCE, answer(enclave)).await.ok().flatten()
}

async fn answer(enclave: &Address) -> Option<EnclaveHealth> {
    let stream = dial(enclave).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::get(HEALTH_PATH)
        .header(header::HOST, "enclave")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let asked = async {
        let answer = sender.send_request(request).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await.ok()?.to_bytes();
        codec::decode(&body, MAX_BYTES).ok()
    };
    // The connection is driven while it is asked, and dropped with the answer.
    let mut asked = std::pin::pin!(asked);
    tokio::select! {
        health = &mut asked => health,
        _ = connection => asked.await,
    }
}
