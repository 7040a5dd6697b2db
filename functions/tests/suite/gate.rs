use crate::scripted::done;
use crate::world::{HOST, Signer, World, tenant, unsigned};
use ::http::{HeaderValue, Request};
use axum::body::Body;
use sharekeep_channel::signature::SessionAlgorithm;
use sharekeep_functions::Config;
use sharekeep_schemas::enclave::{RecordKey, Row};
use sharekeep_schemas::http::{Base64Url, OpenSessionRequest};
use sharekeep_schemas::limits::MAX_HTTP_BODY_BYTES;
use sharekeep_schemas::*;

pub(crate) const USER: UserId = UserId::new([1; 32]);

/// Sends a request that must be refused with `code`, and checks that no record changed and that
/// the enclave was not bothered.
#[track_caller]
fn refused<'w>(
    world: &'w World,
    request: Request<Body>,
    code: ProblemCode,
) -> impl Future<Output = ()> + 'w {
    let place = std::panic::Location::caller();
    async move {
        let before = world.records().await;
        let answer = world.send(request).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.contains(&format!("\"{code}\"")), "{place}: {text}");
        answer.is_problem(code);
        assert!(world.enclave.take_calls().is_empty(), "{place}");
        assert_eq!(world.records().await, before, "{place}");
    }
}

#[tokio::test]
async fn an_unsigned_request_is_refused() {
    let world = World::new().await;
    let gets = "sessions wallets wallets/AAAA wallets/AAAA/backup ceremonies/AAAA backups factors \
                devices events";
    let posts = "sessions sessions/AAAA/renew sessions/AAAA/revoke wallets wallets/AAAA/activate \
                 wallets/AAAA/archive wallets/AAAA/backup wallets/AAAA/backup/open \
                 wallets/AAAA/backup/delete recovery/open recovery/factors restore \
                 factors/AAAA/register factors/AAAA/guess factors/AAAA/guess/finish \
                 devices/AAAA/name devices/AAAA/revoke ceremonies ceremonies/AAAA/steps \
                 ceremonies/AAAA/abort";
    let gets = gets.split_whitespace().map(|path| ("GET", path));
    for (method, path) in gets.chain(posts.split_whitespace().map(|path| ("POST", path))) {
        let path = &format!("/v1/{path}");
        refused(&world, unsigned(method, path, b"{}"), ProblemCode::SignatureMissing).await;
    }
}

#[tokio::test]
async fn what_is_signed_is_what_is_sent() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let post = || world.post_request(&signer, "/v1/wallets", b"sealed", &world.key());

    let mut other_path = post();
    *other_path.uri_mut() = "/v1/ceremonies".parse().unwrap();
    refused(&world, other_path, ProblemCode::SignatureInvalid).await;

    let mut other_query = post();
    *other_query.uri_mut() = "/v1/wallets?limit=1".parse().unwrap();
    refused(&world, other_query, ProblemCode::SignatureInvalid).await;

    let mut other_host = post();
    other_host.headers_mut().insert("host", HeaderValue::from_static("evil.example"));
    refused(&world, other_host, ProblemCode::SignatureInvalid).await;

    let (head, _) = post().into_parts();
    let other_body = Request::from_parts(head, Body::from("{\"a\":1}"));
    refused(&world, other_body, ProblemCode::SignatureInvalid).await;

    let mut no_digest = post();
    no_digest.headers_mut().remove("content-digest");
    refused(&world, no_digest, ProblemCode::SignatureInvalid).await;

    let mut garbage = post();
    garbage.headers_mut().insert("signature", HeaderValue::from_static("sig1=:AAAA:"));
    refused(&world, garbage, ProblemCode::SignatureInvalid).await;

    let mut twice = post();
    let copy = twice.headers()["signature"].clone();
    twice.headers_mut().append("signature", copy);
    refused(&world, twice, ProblemCode::SignatureMissing).await;
}

#[tokio::test]
async fn a_request_signed_for_another_host_is_refused() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let request = signer.request_at(world.now(), "evil.example", "GET", "/v1/wallets", b"");
    refused(&world, request, ProblemCode::AuthorityMismatch).await;
    // A header of a proxy, or of an attacker, changes nothing.
    let mut request = signer.request(&world, "GET", "/v1/wallets", b"");
    request.headers_mut().insert("x-forwarded-host", HeaderValue::from_static("evil.example"));
    assert_eq!(world.send(request).await.status, 200);
}

#[tokio::test]
async fn a_signature_is_good_for_a_minute_and_once() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let at = |created| signer.request_at(created, HOST, "GET", "/v1/wallets", b"");
    let now = world.now();
    refused(&world, at(now - 121), ProblemCode::SignatureStale).await;
    refused(&world, at(now + 61), ProblemCode::SignatureStale).await;

    let request = at(now);
    let copy = Request::from_parts(request.into_parts().0, Body::empty());
    let (head, _) = copy.into_parts();
    assert_eq!(world.send(Request::from_parts(head.clone(), Body::empty())).await.status, 200);
    refused(
        &world,
        Request::from_parts(head.clone(), Body::empty()),
        ProblemCode::SignatureReplayed,
    )
    .await;
    // Once it is stale, that is what it is.
    world.clock.advance_s(200);
    refused(&world, Request::from_parts(head, Body::empty()), ProblemCode::SignatureStale).await;
}

#[tokio::test]
async fn only_a_session_that_lives_may_ask() {
    let world = World::new().await;
    let stranger = Signer::new(SessionAlgorithm::EcdsaP256Sha256, USER);
    let request = stranger.request(&world, "GET", "/v1/wallets", b"");
    refused(&world, request, ProblemCode::SessionUnknown).await;

    let signer = world.session(USER).await;
    world.clock.advance_s(900);
    let request = signer.request(&world, "GET", "/v1/wallets", b"");
    refused(&world, request, ProblemCode::SessionExpired).await;
}

#[tokio::test]
async fn a_key_that_is_not_the_sessions_is_refused_under_its_name() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    // Somebody edits the row: another key under the victim's session id.
    let mut forged = Signer::new(SessionAlgorithm::Ed25519, USER);
    forged.id = signer.id;
    world.put_session(&forged, vec![Scope::Read]).await;
    let request = signer.request(&world, "GET", "/v1/wallets", b"");
    refused(&world, request, ProblemCode::SignatureInvalid).await;
    let request = forged.request(&world, "GET", "/v1/wallets", b"");
    refused(&world, request, ProblemCode::SessionUnknown).await;
}

#[tokio::test]
async fn listing_needs_the_scope_to_read() {
    let world = World::new().await;
    let signer = Signer::new(SessionAlgorithm::Ed25519, USER);
    world.put_session(&signer, vec![Scope::Sign]).await;
    for list in ["wallets", "backups", "factors", "devices", "events"] {
        let request = signer.request(&world, "GET", &format!("/v1/{list}"), b"");
        refused(&world, request, ProblemCode::ScopeInsufficient).await;
    }
}

#[tokio::test]
async fn a_large_body_is_refused_whether_or_not_it_says_its_length() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let body = vec![b' '; MAX_HTTP_BODY_BYTES + 1];
    let mut announced = signer.request(&world, "POST", "/v1/wallets", b"{}");
    announced.headers_mut().insert("content-length", HeaderValue::from(body.len()));
    refused(&world, announced, ProblemCode::TooLarge).await;
    let (head, _) = signer.request(&world, "POST", "/v1/wallets", b"{}").into_parts();
    refused(&world, Request::from_parts(head, Body::from(body)), ProblemCode::TooLarge).await;

    let sealed = vec![0; sharekeep_schemas::limits::MAX_SEALED_BYTES + 1];
    let request = world.post_request(&signer, "/v1/wallets", &sealed, &world.key());
    refused(&world, request, ProblemCode::TooLarge).await;
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let world = World::new().await;
    let long = HeaderValue::from_str(&"x".repeat(17_000)).unwrap();
    let mut request = unsigned("GET", "/v1/wallets", b"");
    request.headers_mut().insert("x-filler", long);
    refused(&world, request, ProblemCode::TooLarge).await;
    let mut request = unsigned("GET", "/v1/wallets", b"");
    for _ in 0..70 {
        request.headers_mut().append("x-filler", HeaderValue::from_static("x"));
    }
    refused(&world, request, ProblemCode::TooLarge).await;
    let target = format!("/v1/wallets?cursor={}", "x".repeat(3_000));
    refused(&world, unsigned("GET", &target, b""), ProblemCode::TooLarge).await;
}

#[tokio::test]
async fn a_post_has_one_idempotency_key_and_a_json_body_of_the_right_shape() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let post = || world.post_request(&signer, "/v1/wallets", b"sealed", &world.key());

    let mut request = post();
    request.headers_mut().remove("idempotency-key");
    refused(&world, request, ProblemCode::IdempotencyKeyMissing).await;
    let mut request = post();
    request.headers_mut().insert("idempotency-key", HeaderValue::from_static("short"));
    refused(&world, request, ProblemCode::MalformedRequest).await;
    let mut request = post();
    let other = HeaderValue::from_static("another-key-0000001");
    request.headers_mut().append("idempotency-key", other);
    refused(&world, request, ProblemCode::MalformedRequest).await;
    let mut request = post();
    request.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    refused(&world, request, ProblemCode::MalformedRequest).await;

    for body in ["", "[]", "{", "{\"enclave_key\":\"AA\",\"sealed\":\"AA\"}"] {
        let mut request = signer.request(&world, "POST", "/v1/wallets", body.as_bytes());
        let key = HeaderValue::from_str(&world.key()).unwrap();
        request.headers_mut().insert("idempotency-key", key);
        refused(&world, request, ProblemCode::MalformedRequest).await;
    }
    let extra =
        format!("{{\"enclave_key\":\"{}\",\"sealed\":\"AA\",\"x\":1}}", world.enclave.key());
    let mut request = signer.request(&world, "POST", "/v1/wallets", extra.as_bytes());
    let key = HeaderValue::from_str(&world.key()).unwrap();
    request.headers_mut().insert("idempotency-key", key);
    refused(&world, request, ProblemCode::MalformedRequest).await;
}

pub(crate) fn opening(world: &World, signer: &Signer, tenant: TenantId) -> Request<Body> {
    let body = OpenSessionRequest {
        tenant,
        session_key: signer.public.clone(),
        enclave_key: world.enclave.key(),
        sealed: Base64Url(b"sealed".to_vec()),
    };
    let mut request =
        signer.request(world, "POST", "/v1/sessions", &serde_json::to_vec(&body).unwrap());
    let key = HeaderValue::from_str(&world.key()).unwrap();
    request.headers_mut().insert("idempotency-key", key);
    request
}

#[tokio::test]
async fn a_session_is_opened_by_the_key_in_the_body() {
    let world = World::new().await;
    for algorithm in [SessionAlgorithm::Ed25519, SessionAlgorithm::EcdsaP256Sha256] {
        let signer = Signer::new(algorithm, USER);
        world.enclave.says(done("{}", vec![]));
        let answer = world.send(opening(&world, &signer, tenant())).await;
        assert_eq!(answer.status, 200);
        assert_eq!(world.enclave.take_calls().len(), 1);
    }
    let thief = Signer::new(SessionAlgorithm::Ed25519, USER);
    let mut victim = Signer::new(SessionAlgorithm::Ed25519, USER);
    victim.public = thief.public.clone();
    refused(&world, opening(&world, &victim, tenant()), ProblemCode::SignatureInvalid).await;
    let unknown = opening(&world, &thief, "other".parse().unwrap());
    refused(&world, unknown, ProblemCode::TenantUnknown).await;
}

#[tokio::test]
async fn an_edited_session_row_is_a_fault_of_ours_not_a_way_in() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    world.put(RecordKey::Session(signer.id), crate::world::record(1, vec![1], Row::Empty)).await;
    world.get(&signer, "/v1/wallets").await.is_problem(ProblemCode::Internal);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems_too() {
    let world = World::new().await;
    refused(&world, unsigned("GET", "/v1/nothing", b""), ProblemCode::NotFound).await;
    refused(&world, unsigned("GET", "/", b""), ProblemCode::NotFound).await;
    refused(&world, unsigned("DELETE", "/v1/wallets", b""), ProblemCode::MethodNotAllowed).await;
    refused(&world, unsigned("POST", "/healthz", b""), ProblemCode::MethodNotAllowed).await;
    refused(&world, unsigned("GET", "/docs/nothing.js", b""), ProblemCode::NotFound).await;
}

#[tokio::test]
async fn every_answer_says_its_id_and_forbids_caching_framing_and_sniffing() {
    let world = World::new().await;
    let mut request = unsigned("GET", "/healthz", b"");
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("my-request-1"));
    let answer = world.send(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-request-id"), Some("my-request-1"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    let answer = world.send(unsigned("GET", "/nothing", b"")).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.is_problem(ProblemCode::NotFound);
}

#[tokio::test]
async fn browsers_may_call_from_configured_origins_only() {
    let origin = HeaderValue::from_static("https://app.example");
    let config = Config { cors_origins: vec![origin.clone()], ..Config::default() };
    let world = World::with(config).await;
    let preflight = |origin: &HeaderValue| {
        let mut request = unsigned("OPTIONS", "/v1/wallets", b"");
        request.headers_mut().insert("origin", origin.clone());
        let method = HeaderValue::from_static("POST");
        request.headers_mut().insert("access-control-request-method", method);
        request
    };
    let answer = world.send(preflight(&origin)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    let other = HeaderValue::from_static("https://evil.example");
    let answer = world.send(preflight(&other)).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    // A page can read a problem as well as an answer.
    let mut request = unsigned("GET", "/v1/wallets", b"");
    request.headers_mut().insert("origin", origin);
    let answer = world.send(request).await;
    answer.is_problem(ProblemCode::SignatureMissing);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
}
