//! What the functions read: HTTP requests of anybody, and what a broken or edited store answers.
//!
//! The whole router runs, over a DynamoDB client whose answers are made here.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use rand_core::OsRng;
use sharekeep_channel::signature::{Nonce, RequestParts, SessionSigningKey, sign};
use sharekeep_functions::store::{Cursor, Store, TablePrefix};
use sharekeep_functions::{Clock, Config, Fleet, State, app, archive};
use sharekeep_schemas::enclave::{
    BackupRow, DeviceRow, EventRow, FactorRow, RecordKey, RecordQuery, WalletRow,
};
use sharekeep_schemas::tenant::{SignedTenantDocument, TenantDocument};
use sharekeep_schemas::{SessionKeyId, TenantId, UserId, WalletId, codec};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const HOST: &str = "api.example";
const NOW_UNIX_S: u64 = 1_800_000_000;

/// The place in a list, as clients hand it back: one place has one text.
pub(crate) fn cursor(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(cursor) = Cursor::decode(text) {
        assert_eq!(cursor.encode(), text);
    }
}

/// A batch of a table's stream: its objects are of whole lines, whatever is in it.
pub(crate) fn archive(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice(bytes) else { return };
    let Ok(objects) = archive::objects(event) else { return };
    for object in objects {
        assert!(object.key.is_ascii() && !object.key.contains(".."));
        for line in object.body.split_inclusive(|byte| *byte == b'\n') {
            assert!(line.ends_with(b"\n"));
            serde_json::from_slice::<serde_json::Value>(line).expect("a line is JSON");
        }
    }
}

/// A request: `METHOD /path?query`, header lines, an empty line, the body. A first line that
/// begins with `!` has the rest signed by a session that exists.
pub(crate) fn request(bytes: &[u8]) {
    let (to_sign, bytes) = match bytes {
        [b'!', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let Some(mut request) = parsed(bytes) else { return };
    if to_sign && signed(&mut request).is_none() {
        return;
    }
    static APP: LazyLock<Router> = LazyLock::new(|| {
        let store = store_that(|operation| match operation {
            "GetItem" => SESSION_ITEM.clone(),
            "BatchGetItem" => TENANT_ITEM.clone(),
            "UpdateItem" => {
                let full_at_ms = NOW_UNIX_S * 1000 + 1;
                format!(r#"{{"Attributes":{{"full_at_ms":{{"N":"{full_at_ms}"}}}}}}"#).into_bytes()
            }
            _ => b"{}".to_vec(),
        });
        let fleet = Fleet::new(store.clone(), Arc::new(StoppedClock));
        app(State::with(Config::default(), store, fleet, Arc::new(StoppedClock)))
    });
    let answer = runtime().block_on(APP.clone().oneshot(request.map(Body::from)));
    let status = answer.expect("the router answers everything").status();
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "that would be a fault of ours");
}

/// What DynamoDB answers, whatever is asked.
pub(crate) fn store(bytes: &[u8]) {
    static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static STORE: LazyLock<Store> =
        LazyLock::new(|| store_that(|_| ANSWER.lock().expect("nobody panics with it").clone()));
    *ANSWER.lock().expect("nobody panics with it") = bytes.to_vec();
    let user = UserId::new([1; 32]);
    runtime().block_on(async {
        let _ = STORE.row(&RecordKey::Session(SessionKeyId::new([2; 32]))).await;
        let _ = STORE.page_of::<WalletRow>(&user, 10, None, NOW_UNIX_S).await;
        let _ = STORE.page_of::<BackupRow>(&user, 10, None, NOW_UNIX_S).await;
        let _ = STORE.page_of::<FactorRow>(&user, 10, None, NOW_UNIX_S).await;
        let _ = STORE.page_of::<DeviceRow>(&user, 10, None, NOW_UNIX_S).await;
        let _ = STORE.page_of::<EventRow>(&user, 10, None, NOW_UNIX_S).await;
        let _ = STORE.sessions_of(&user, NOW_UNIX_S).await;
        let queries = [
            RecordQuery::One(RecordKey::Wallet { user, wallet: WalletId::new([3; 16]) }),
            RecordQuery::DataKeysOf(TenantId::deployment()),
            RecordQuery::SessionsOf(user),
            RecordQuery::WalletsOf(user),
            RecordQuery::BackupsOf(user),
            RecordQuery::FactorsOf(user),
            RecordQuery::DevicesOf(user),
        ];
        for query in queries {
            let _ = STORE.load_all(&[query], NOW_UNIX_S).await;
        }
    });
}

fn parsed(bytes: &[u8]) -> Option<Request<Vec<u8>>> {
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
    let body = bytes.get(end + 2..).unwrap_or_default().to_vec();
    let mut lines = bytes[..end].split(|byte| *byte == b'\n');
    let mut first = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = Request::builder().method(first.next()?).uri(first.next()?);
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..at], &line[at + 1..]);
    }
    request.body(body).ok()
}

fn signed(request: &mut Request<Vec<u8>>) -> Option<()> {
    let uri = request.uri().clone();
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let parts = RequestParts {
        method: request.method().as_str(),
        authority: uri.authority().map_or(host.unwrap_or(HOST), |authority| authority.as_str()),
        path: uri.path(),
        query: uri.query(),
        body: request.body(),
    };
    let nonce = Nonce::generate(&mut OsRng);
    let signed = sign(&KEY, &parts, NOW_UNIX_S, Duration::from_secs(60), &nonce).ok()?;
    for (name, value) in signed.iter() {
        let value = HeaderValue::from_str(value).ok()?;
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Some(())
}

static KEY: LazyLock<SessionSigningKey> = LazyLock::new(|| {
    SessionSigningKey::from_sealing_bytes(&[2; 33]).expect("33 bytes are an Ed25519 key")
});

/// A session of the key, in DynamoDB's JSON.
static SESSION_ITEM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let public = KEY.public_key();
    let id = public.key_id().to_string();
    let text = public.to_string();
    let key = text.split_once(':').map_or("", |(_, key)| key);
    let user = UserId::new([1; 32]).to_string();
    let s = |text: &str| serde_json::json!({ "S": text });
    let row = serde_json::json!({ "M": {
        "session": s(&id),
        "tenant": s("demo"),
        "user": s(&user),
        "device": s(&sharekeep_schemas::DeviceId::new([3; 16]).to_string()),
        "public_key": { "M": { "algorithm": s("ed25519"), "key": s(key) } },
        "scopes": { "L": [s("read"), s("sign"), s("manage")] },
        "created_at_unix_s": { "N": NOW_UNIX_S.to_string() },
        "expires_at_unix_s": { "N": (NOW_UNIX_S + 900).to_string() },
    }});
    let row = serde_json::json!({ "M": { "session": row } });
    let item = serde_json::json!({ "Item": { "bytes": { "B": "AQID" }, "row": row } });
    item.to_string().into_bytes()
});

/// The key's tenant.
static TENANT_ITEM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let document = TenantDocument {
        version: 1,
        tenant: "demo".parse().expect("a tenant's id"),
        serial: 1,
        issuers: Vec::new(),
        origins: vec![HOST.to_owned()],
        session_lifetime_s: 900,
        requests_per_minute: 1_000_000,
    };
    let signed = SignedTenantDocument {
        document: codec::encode(&document).into(),
        signature: vec![0; 64].into(),
    };
    let item = serde_json::json!({
        "pk": { "S": "demo" },
        "sk": { "S": "document" },
        "bytes": { "B": STANDARD.encode(codec::encode(&signed)) },
    });
    serde_json::json!({ "Responses": { "tenants": [item] } }).to_string().into_bytes()
});

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now_unix_ms(&self) -> u64 {
        NOW_UNIX_S * 1000
    }
}

/// Its time passes only when everything waits: pauses between attempts cost nothing.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("a runtime of one thread")
    });
    &RUNTIME
}

fn store_that(answers: fn(&str) -> Vec<u8>) -> Store {
    let connector = SharedHttpConnector::new(Answering(answers));
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url("http://127.0.0.1:1")
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("fuzz", "fuzz", None, None, "fuzz"))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Store::new(Client::from_conf(config), TablePrefix::new("").expect("no prefix is one"))
}

/// Answers without a network, by the operation's name.
#[derive(Debug)]
struct Answering(fn(&str) -> Vec<u8>);

impl HttpConnector for Answering {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body = SdkBody::from((self.0)(operation));
        let ok = aws_smithy_runtime_api::http::StatusCode::try_from(200).expect("it is a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(ok, body)))
    }
}
