//! One deployment: a store, an enclave that says what it is told, and the routers.

pub(crate) use crate::answer::Answer;
use crate::scripted::ScriptedEnclave;
use ::http::{HeaderName, HeaderValue, Request};
use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use http_body_util::BodyExt;
use serde_bytes::ByteBuf;
use sharekeep_channel::signature::{
    Nonce, RequestParts, SessionAlgorithm, SessionSigningKey, sign,
};
use sharekeep_functions::store::{Store, StoreKeys, StoreSettings, TablePrefix};
use sharekeep_functions::{Clock, Config, Fleet, RouteGroup, State, SystemClock, app};
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::http::{Base64Url, SealedRequest};
use sharekeep_schemas::tenant::{SignedTenantDocument, TenantDocument};
use sharekeep_schemas::*;
use sharekeep_steps::DurableStep;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tower::ServiceExt;

/// Where a test writes what another step would have written.
const STEP: DurableStep = DurableStep::ProvisionTenants;

pub(crate) const HOST: &str = "api.example";
pub(crate) const START_S: u64 = 1_800_000_000;

/// A clock that goes when it is told to.
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn advance_s(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_unix_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) struct World {
    pub(crate) app: Router,
    state: State,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) enclave: ScriptedEnclave,
    next_key: AtomicU64,
}

/// An empty store: in memory, behind HTTP on 127.0.0.1; or with tables of its own in the emulated AWS
/// of `./dev test aws`.
pub(crate) async fn empty_store() -> Store {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let emulated = std::env::var_os("SHAREKEEP_TEST_EMULATOR").is_some();
    let store = if emulated {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("test-{}-{number}-", std::process::id());
        store_with(std::env::var("AWS_ENDPOINT_URL").unwrap(), &prefix)
    } else {
        store_at(format!("http://{}", embedded_store().await))
    };
    store.create_tables().await.unwrap();
    store
}

/// Where an embedded database in memory, still without tables, speaks HTTP.
pub(crate) async fn embedded_store() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    address
}

pub(crate) fn store_at(endpoint: String) -> Store {
    store_with(endpoint, "test-")
}

fn store_with(endpoint: String, prefix: &str) -> Store {
    Store::connect(StoreSettings {
        endpoint,
        region: "eu-central-1".into(),
        keys: StoreKeys { access_key_id: "test".into(), secret_access_key: "test".into() },
        prefix: TablePrefix::new(prefix).unwrap(),
    })
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let store = empty_store().await;
        Self::over(config, store.clone(), store).await
    }

    /// Of a store that the functions reach in another way than the test.
    pub(crate) async fn over(config: Config, store: Store, functions_store: Store) -> Self {
        crate::logs::capture();
        let enclave = ScriptedEnclave::start().await;
        let clock = Arc::new(ManualClock(AtomicU64::new(START_S * 1000)));
        // Heartbeats go by the machine's clock, and are written and read past what a test puts
        // between functions and store.
        let fleet = Fleet::new(store.clone(), Arc::new(SystemClock));
        let state = State::with(config, functions_store, fleet, clock.clone());
        let app = app(state.clone());
        let world = Self { app, state, store, clock, enclave, next_key: AtomicU64::new(0) };
        world.put_tenant(600).await;
        world.register(world.enclave.row()).await;
        world
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now_unix_s()
    }

    pub(crate) async fn put(&self, key: RecordKey, put: Put) {
        let write = Write { key, condition: Condition::Any, put: Some(put) };
        self.store.commit(STEP, &[write], self.now()).await.unwrap();
    }

    pub(crate) async fn put_tenant(&self, requests_per_minute: u32) {
        let document = TenantDocument {
            version: 1,
            tenant: tenant(),
            serial: 1,
            issuers: vec![],
            origins: vec![HOST.into()],
            session_lifetime_s: 900,
            requests_per_minute,
        };
        let signed = SignedTenantDocument {
            document: ByteBuf::from(codec::encode(&document)),
            signature: ByteBuf::from(vec![0; 64]),
        };
        self.put(RecordKey::Tenant(tenant()), record(1, codec::encode(&signed), Row::Empty)).await;
    }

    /// A session in the store, and the key that signs for it.
    pub(crate) async fn session(&self, user: UserId) -> Signer {
        let signer = Signer::new(SessionAlgorithm::Ed25519, user);
        self.put_session(&signer, vec![Scope::Read, Scope::Sign, Scope::Manage]).await;
        signer
    }

    pub(crate) async fn put_session(&self, signer: &Signer, scopes: Vec<Scope>) {
        let expires_at_unix_s = self.now() + 900;
        let row = SessionRow {
            session: signer.id,
            tenant: tenant(),
            user: signer.user,
            device: DeviceId::new([3; 16]),
            public_key: signer.public.clone(),
            scopes,
            created_at_unix_s: self.now(),
            expires_at_unix_s,
        };
        let put = Put {
            version: 1,
            bytes: ByteBuf::from(b"sealed session".to_vec()),
            row: Row::Session(row),
            expires_at_unix_s: Some(expires_at_unix_s),
        };
        self.put(RecordKey::Session(signer.id), put).await;
    }

    /// An Idempotency-Key not used before.
    pub(crate) fn key(&self) -> String {
        format!("test-key-{:010}", self.next_key.fetch_add(1, Ordering::SeqCst))
    }

    /// A signed GET.
    pub(crate) async fn get(&self, signer: &Signer, target: &str) -> Answer {
        self.send(signer.request(self, "GET", target, b"")).await
    }

    /// A signed POST of these sealed bytes under this Idempotency-Key.
    pub(crate) async fn post(
        &self,
        signer: &Signer,
        path: &str,
        sealed: &[u8],
        key: &str,
    ) -> Answer {
        self.send(self.post_request(signer, path, sealed, key)).await
    }

    pub(crate) fn post_request(
        &self,
        signer: &Signer,
        path: &str,
        sealed: &[u8],
        key: &str,
    ) -> Request<Body> {
        self.post_request_to(self.enclave.key(), signer, path, sealed, key)
    }

    /// Sealed to this enclave key.
    pub(crate) fn post_request_to(
        &self,
        enclave_key: EnclaveKeyId,
        signer: &Signer,
        path: &str,
        sealed: &[u8],
        key: &str,
    ) -> Request<Body> {
        let body = SealedRequest { enclave_key, sealed: Base64Url(sealed.to_vec()) };
        let mut request = signer.request(self, "POST", path, &serde_json::to_vec(&body).unwrap());
        let headers = request.headers_mut();
        headers.insert("idempotency-key", HeaderValue::from_str(key).unwrap());
        request
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        answer(self.app.clone(), request).await
    }

    /// To the function of one group alone.
    pub(crate) async fn send_to(&self, group: RouteGroup, request: Request<Body>) -> Answer {
        answer(group.app(self.state.clone()), request).await
    }

    /// Every item of every table that holds records; `limits` and `idempotency` are the gate's
    /// own and change with each signed request, `fleet` is the hosts'.
    pub(crate) async fn records(&self) -> BTreeMap<String, Vec<String>> {
        let mut tables = BTreeMap::new();
        for table in self.store.table_names() {
            if ["limits", "idempotency", "fleet"].iter().any(|own| table.ends_with(own)) {
                continue;
            }
            let scan = self.store.client().scan().table_name(&table).send().await.unwrap();
            let mut items: Vec<_> = scan
                .items()
                .iter()
                .map(|item| canonical(&AttributeValue::M(item.clone())))
                .collect();
            items.sort();
            tables.insert(table, items);
        }
        tables
    }
}

async fn answer(app: Router, request: Request<Body>) -> Answer {
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A value as text that is the same for equal values: maps have no order of their own.
fn canonical(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => {
            let ordered: BTreeMap<_, _> =
                map.iter().map(|(name, value)| (name, canonical(value))).collect();
            format!("{ordered:?}")
        }
        AttributeValue::L(list) => {
            format!("{:?}", list.iter().map(canonical).collect::<Vec<_>>())
        }
        other => format!("{other:?}"),
    }
}

pub(crate) fn tenant() -> TenantId {
    "demo".parse().unwrap()
}

pub(crate) fn record(version: u64, bytes: Vec<u8>, row: Row) -> Put {
    Put { version, bytes: ByteBuf::from(bytes), row, expires_at_unix_s: None }
}

pub(crate) fn wallet_row(wallet: WalletId) -> Row {
    Row::Wallet(WalletRow {
        wallet,
        scheme: Scheme::EcdsaSecp256k1,
        protocol: Protocol::Dkls23,
        public_key: ByteBuf::from(vec![2; 33]),
        threshold: 2,
        parties: 2,
        epoch: 1,
        status: WalletStatus::Active,
        created_at_unix_s: START_S,
    })
}

pub(crate) fn backup_row(wallet: WalletId, version: u64) -> Row {
    Row::Backup(BackupRow {
        wallet,
        epoch: 1,
        generation: 2,
        version,
        size: 10_240,
        stored_at_unix_s: START_S,
    })
}

/// A session key of a user.
pub(crate) struct Signer {
    pub(crate) key: SessionSigningKey,
    pub(crate) id: SessionKeyId,
    pub(crate) public: SessionPublicKey,
    pub(crate) user: UserId,
}

impl Signer {
    pub(crate) fn new(algorithm: SessionAlgorithm, user: UserId) -> Self {
        let key = SessionSigningKey::generate(algorithm, &mut rand_core::OsRng);
        let public = key.public_key();
        let text = public.to_string();
        let (_, bytes) = text.split_once(':').unwrap();
        let name = match algorithm {
            SessionAlgorithm::EcdsaP256Sha256 => SessionKeyAlgorithm::EcdsaP256Sha256,
            SessionAlgorithm::Ed25519 => SessionKeyAlgorithm::Ed25519,
        };
        Self {
            id: SessionKeyId::new(*public.key_id().as_bytes()),
            public: SessionPublicKey { algorithm: name, key: B64.decode(bytes).unwrap() },
            key,
            user,
        }
    }

    /// A request with a fresh signature.
    pub(crate) fn request(
        &self,
        world: &World,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> Request<Body> {
        self.request_at(world.now(), HOST, method, target, body)
    }

    pub(crate) fn request_at(
        &self,
        created: u64,
        authority: &str,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> Request<Body> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let parts = RequestParts { method, authority, path, query, body };
        let nonce = Nonce::generate(&mut rand_core::OsRng);
        let headers = sign(&self.key, &parts, created, Duration::from_secs(60), &nonce).unwrap();
        let mut request = unsigned(method, target, body);
        request.headers_mut().insert("host", HeaderValue::from_str(authority).unwrap());
        for (name, value) in headers.iter() {
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        request
    }
}

pub(crate) fn unsigned(method: &str, target: &str, body: &[u8]) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", HOST)
        .header("content-type", "application/json")
        .body(Body::from(body.to_vec()))
        .unwrap()
}
