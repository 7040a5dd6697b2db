//! The enclave behind its Unix socket: what a function, or anybody who reaches the socket, can
//! send.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_bytes::{ByteArray, ByteBuf};
use sharekeep_channel::attestation::Pcr;
use sharekeep_enclave_app::ports::{
    Clock, IssuerKeySource, KernelEntropy, KeyContext, Kms, Later, Nsm, Ports, SystemClock,
    WrappedDataKey,
};
use sharekeep_enclave_app::{Enclave, Error, Limits, Listener, Settings, serve};
use sharekeep_schemas::enclave::{Call, EnclaveHealth, HttpRequest, Reply};
use sharekeep_schemas::trust::TrustConfiguration;
use sharekeep_schemas::{ProblemCode, codec, limits};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

struct Nothing;

impl Nsm for Nothing {
    fn attest(
        &self,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let time = ciborium::Value::from(SystemClock.now_unix_s() * 1000);
        let payload = ciborium::Value::Map(vec![("timestamp".into(), time)]);
        let payload = ciborium::Value::Bytes(codec::encode(&payload));
        let empty = || ciborium::Value::Bytes(vec![]);
        let parts = vec![empty(), ciborium::Value::Map(vec![]), payload, empty()];
        Ok(codec::encode(&ciborium::Value::Array(parts)))
    }
    fn pcr(&self, _: u16) -> Result<Pcr, Error> {
        Ok(Pcr::from_bytes([7; 48]))
    }
}

impl Kms for Nothing {
    fn generate<'a>(&'a self, _: &'a KeyContext) -> Later<'a, Result<WrappedDataKey, Error>> {
        Box::pin(async { Err(Error::KmsUnavailable) })
    }
    fn open<'a>(
        &'a self,
        _: &'a KeyContext,
        _: &'a [u8],
    ) -> Later<'a, Result<Zeroizing<[u8; 32]>, Error>> {
        Box::pin(async { Err(Error::KmsUnavailable) })
    }
}

impl IssuerKeySource for Nothing {
    fn fetch<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> Later<'a, Result<Vec<u8>, Error>> {
        Box::pin(async { Err(Error::EgressForbidden) })
    }
}

struct Served {
    socket: PathBuf,
    _folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<Result<(), Error>>,
}

fn start() -> Served {
    let trust = TrustConfiguration {
        version: 1,
        deployment: "test".into(),
        operator_key: ByteArray::new(
            ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes(),
        ),
        release_keys: vec![],
        release_threshold: 0,
        kms_key_arn: "arn:aws:kms:eu-central-1:000000000000:key/test".into(),
        kms_region: "eu-central-1".into(),
        kms_authorities_pem: None,
        egress_hosts: vec![],
    };
    let ports = Ports {
        nsm: Arc::new(Nothing),
        kms: Arc::new(Nothing),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(KernelEntropy),
        issuer_keys: Arc::new(Nothing),
    };
    let limits = Limits { primes: 0, workers: Some(1), ..Limits::default() };
    let settings = Settings { trust_bytes: codec::encode(&trust), limits };
    let enclave = Enclave::new(settings, ports).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("enclave.sock");
    let listener = Listener::Unix(UnixListener::bind(&socket).unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(serve(listener, enclave, 8, async move {
        let _ = stopped.await;
    }));
    Served { socket, _folder: folder, stop: Some(stop), task }
}

impl Served {
    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "enclave")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status();
        (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    async fn refused(&self, method: Method, path: &str, body: Vec<u8>) -> ProblemCode {
        let (status, body) = self.send(method, path, body).await;
        assert_eq!(status, StatusCode::OK);
        match codec::decode(&body, 4096).unwrap() {
            Reply::Refused { code, writes, .. } if writes.is_empty() => code,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_how_the_enclave_is() {
    let served = start();
    let (status, body) = served.send(Method::GET, "/health", vec![]).await;
    assert_eq!(status, StatusCode::OK);
    let health: EnclaveHealth = codec::decode(&body, 4096).unwrap();
    assert_eq!(health.pcrs, vec![ByteBuf::from(vec![7; 48]); 3]);
    assert_eq!((health.kms_ok_age_s, health.ceremonies), (None, 0));
    assert!(health.time_unix_s.abs_diff(SystemClock.now_unix_s()) < 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_no_call_is_refused() {
    let served = start();
    for garbage in [vec![], vec![0xff; 1000], b"{}".to_vec(), vec![0x9f; 100_000]] {
        let code = served.refused(Method::POST, "/v1/call", garbage).await;
        assert_eq!(code, ProblemCode::MalformedRequest);
    }
    assert_eq!(
        served.refused(Method::GET, "/v1/call", vec![]).await,
        ProblemCode::MethodNotAllowed
    );
    assert_eq!(served.refused(Method::POST, "/v2/call", vec![]).await, ProblemCode::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_call_is_refused_before_it_is_read_whole() {
    let served = start();
    let body = vec![0; limits::MAX_ENCLAVE_CALL_BYTES + 1];
    assert_eq!(served.refused(Method::POST, "/v1/call", body).await, ProblemCode::TooLarge);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kms_that_does_not_answer_is_said_so_and_shows_in_health() {
    let served = start();
    let http = HttpRequest {
        method: "GET".into(),
        authority: "api.example.com".into(),
        path: "/v1/attestation".into(),
        query: Some(format!("nonce={}", sharekeep_schemas::SessionKeyId::new([1; 32]))),
        signature_input: None,
        signature: None,
        content_digest: None,
        idempotency_key: None,
        body: ByteBuf::new(),
    };
    let mut call = Call { version: 1, http, records: vec![] };
    let (_, body) = served.send(Method::POST, "/v1/call", codec::encode(&call)).await;
    let Reply::Need { queries } = codec::decode(&body, 4096).unwrap() else { panic!() };
    let empty = |query| sharekeep_schemas::enclave::LoadedRecord { query, found: vec![] };
    call.records = queries.into_iter().map(empty).collect();
    let code = served.refused(Method::POST, "/v1/call", codec::encode(&call)).await;
    assert_eq!(code, ProblemCode::KmsUnavailable);
    let (_, body) = served.send(Method::GET, "/health", vec![]).await;
    let health: EnclaveHealth = codec::decode(&body, 4096).unwrap();
    assert!(health.kms_failing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_enclave_stops_when_it_is_told_to() {
    let mut served = start();
    served.stop.take().unwrap().send(()).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(5), served.task)
        .await
        .expect("stops in time")
        .unwrap()
        .unwrap();
}
