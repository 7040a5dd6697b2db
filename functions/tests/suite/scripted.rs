use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_bytes::ByteBuf;
use sharekeep_schemas::enclave::{
    CALL_PATH, Call, EnclaveHealth, HEALTH_PATH, RecordQuery, Reply, Write,
};
use sharekeep_schemas::fleet::{EnclaveAddress, FleetPartition, FleetRow};
use sharekeep_schemas::limits::MAX_ENCLAVE_CALL_BYTES;
use sharekeep_schemas::{EnclaveKeyId, ProblemCode, codec};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the enclave does with one call.
pub(crate) enum Act {
    Say(Reply),
    /// Says what follows from what it is asked.
    Decide(fn(&Call) -> Reply),
    /// Says it after a while.
    SayLate(Duration, Reply),
    /// Answers with this status and Retry-After.
    Status(u16, &'static str),
    /// Answers with these bytes instead of a reply.
    Garble(Vec<u8>),
}

/// An enclave that acts by a script, keeps what it was asked, and fails the test's request when
/// the script is over.
pub(crate) struct ScriptedEnclave {
    shared: Arc<Shared>,
    address: EnclaveAddress,
    served: tokio::task::AbortHandle,
}

struct Shared {
    key: Mutex<EnclaveKeyId>,
    script: Mutex<VecDeque<Act>>,
    calls: Mutex<Vec<Call>>,
}

impl ScriptedEnclave {
    pub(crate) async fn start() -> Self {
        Self::start_with(EnclaveKeyId::new([7; 32])).await
    }

    pub(crate) async fn start_with(key: EnclaveKeyId) -> Self {
        let shared = Arc::new(Shared {
            key: Mutex::new(key),
            script: Mutex::default(),
            calls: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().try_into().unwrap();
        let router = Router::new()
            .route(CALL_PATH, post(call))
            .route(HEALTH_PATH, get(health))
            .layer(axum::extract::DefaultBodyLimit::max(MAX_ENCLAVE_CALL_BYTES))
            .with_state(shared.clone());
        let served = tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, address, served: served.abort_handle() }
    }

    /// Nobody listens any more.
    pub(crate) async fn go_away(&self) {
        self.served.abort();
        while tokio::net::TcpStream::connect(self.address.get()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// As its host registers it.
    pub(crate) fn row(&self) -> FleetRow {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let heartbeat_unix_ms = u64::try_from(now).unwrap();
        FleetRow {
            partition: FleetPartition::Enclave,
            enclave_key: self.key(),
            address: self.address,
            ceremonies: 0,
            queued_steps: 0,
            draining: false,
            heartbeat_unix_ms,
            expires_at_unix_s: FleetRow::expiry(heartbeat_unix_ms),
        }
    }

    pub(crate) fn key(&self) -> EnclaveKeyId {
        *self.shared.key.lock().unwrap()
    }

    /// As after a restart.
    pub(crate) fn change_key(&self) {
        *self.shared.key.lock().unwrap() = EnclaveKeyId::new([8; 32]);
    }

    pub(crate) fn will(&self, act: Act) {
        self.shared.script.lock().unwrap().push_back(act);
    }

    pub(crate) fn says(&self, reply: Reply) {
        self.will(Act::Say(reply));
    }

    /// The calls since the last time this was asked.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.shared.calls.lock().unwrap())
    }

    pub(crate) fn forget_script(&self) {
        self.shared.script.lock().unwrap().clear();
    }
}

async fn call(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let call: Call = codec::decode(&body, MAX_ENCLAVE_CALL_BYTES).unwrap();
    shared.calls.lock().unwrap().push(call.clone());
    let act = shared.script.lock().unwrap().pop_front();
    match act {
        Some(Act::Decide(decide)) => codec::encode(&decide(&call)).into_response(),
        Some(Act::Say(reply)) => codec::encode(&reply).into_response(),
        Some(Act::SayLate(after, reply)) => {
            tokio::time::sleep(after).await;
            codec::encode(&reply).into_response()
        }
        Some(Act::Status(status, retry_after)) => {
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            (status, [("retry-after", retry_after)]).into_response()
        }
        Some(Act::Garble(bytes)) => bytes.into_response(),
        None => axum::http::StatusCode::IM_A_TEAPOT.into_response(),
    }
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    codec::encode(&EnclaveHealth {
        enclave_key: *shared.key.lock().unwrap(),
        time_unix_s: crate::world::START_S,
        pcrs: vec![ByteBuf::from(vec![1; 48]); 3],
        kms_ok_age_s: Some(1),
        kms_failing: false,
        ceremonies: 0,
        queued_steps: 0,
        primes_ready: 0,
        primes_wanted: 0,
    })
    .into_response()
}

pub(crate) fn done(body: &str, writes: Vec<Write>) -> Reply {
    Reply::Done { body: ByteBuf::from(body.as_bytes().to_vec()), writes }
}

pub(crate) fn need(queries: Vec<RecordQuery>) -> Reply {
    Reply::Need { queries }
}

pub(crate) fn refused(code: ProblemCode, writes: Vec<Write>) -> Reply {
    Reply::Refused { code, detail: Some("because".into()), retry_after_s: None, writes }
}
