use crate::scripted::{Act, done, need, refused};
use crate::world::{Signer, World, record, tenant, unsigned, wallet_row};
use serde_bytes::ByteBuf;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::*;
use std::time::Duration;

const USER: UserId = UserId::new([1; 32]);
const WALLET: WalletId = WalletId::new([5; 16]);
const KEY: RecordKey = RecordKey::Wallet { user: USER, wallet: WALLET };

fn put_wallet(condition: Condition, version: u64) -> Write {
    let put = record(version, vec![version as u8], wallet_row(WALLET));
    Write { key: KEY, condition, put: Some(put) }
}

async fn wallet_bytes(world: &World) -> Option<Vec<u8>> {
    let loaded = world.store.load_all(&[RecordQuery::One(KEY)], world.now()).await.unwrap();
    loaded[0].found.first().map(|record| record.bytes.to_vec())
}

async fn ready() -> (World, Signer) {
    let world = World::new().await;
    let signer = world.session(USER).await;
    (world, signer)
}

fn found<'c>(call: &'c Call, query: &RecordQuery) -> Option<&'c [StoredRecord]> {
    let loaded = call.records.iter().find(|record| record.query == *query)?;
    Some(&loaded.found)
}

#[tokio::test]
async fn the_enclave_gets_the_request_as_signed_and_the_records_it_will_need() {
    let (world, signer) = ready().await;
    world.put(KEY, record(1, b"share".to_vec(), wallet_row(WALLET))).await;
    world.enclave.says(done("{\"sealed\":\"AA\"}", vec![]));
    let path = format!("/v1/wallets/{WALLET}/archive");
    let answer = world.post(&signer, &path, b"sealed", &world.key()).await;
    assert_eq!(answer.body, b"{\"sealed\":\"AA\"}");
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let calls = world.enclave.take_calls();
    let [call] = &calls[..] else { panic!("{} calls", calls.len()) };
    assert_eq!((call.http.method.as_str(), &call.http.path), ("POST", &path));
    assert_eq!(call.http.authority, crate::world::HOST);
    assert!(call.http.signature.is_some() && call.http.content_digest.is_some());
    assert!(call.http.idempotency_key.is_some());
    for query in [
        RecordQuery::One(RecordKey::Session(signer.id)),
        RecordQuery::One(RecordKey::Tenant(tenant())),
        RecordQuery::One(KEY),
    ] {
        assert_eq!(found(call, &query).unwrap().len(), 1, "{query:?}");
    }
    // That there is none is an answer as well.
    for query in [
        RecordQuery::One(RecordKey::DeploymentKeys),
        RecordQuery::DataKeysOf(tenant()),
        RecordQuery::DataKeysOf(TenantId::deployment()),
    ] {
        assert!(found(call, &query).unwrap().is_empty(), "{query:?}");
    }
}

#[tokio::test]
async fn what_the_enclave_needs_is_loaded() {
    let (world, signer) = ready().await;
    world.put(KEY, record(1, b"share".to_vec(), wallet_row(WALLET))).await;
    let query = RecordQuery::One(KEY);
    world.enclave.says(need(vec![query.clone()]));
    world.enclave.says(need(vec![RecordQuery::SessionsOf(USER)]));
    world.enclave.says(done("{}", vec![]));
    let answer = world.post(&signer, "/v1/ceremonies", b"sealed", &world.key()).await;
    assert_eq!(answer.status, 200);
    let calls = world.enclave.take_calls();
    assert_eq!(calls.len(), 3);
    assert_eq!(found(&calls[0], &query), None);
    assert_eq!(found(&calls[1], &query).unwrap()[0].bytes, ByteBuf::from(b"share".to_vec()));
    assert_eq!(found(&calls[2], &RecordQuery::SessionsOf(USER)).unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_that_an_old_copy_may_have_caused_is_not_believed() {
    let (world, signer) = ready().await;
    world.enclave.says(done("{}", vec![]));
    world.post(&signer, "/v1/ceremonies", b"sealed", &world.key()).await;
    world.put_tenant(700).await;
    let key = world.key();
    // The old copy is still handed over; only when it was renewed does a refusal count.
    for code in [ProblemCode::Conflict, ProblemCode::TenantUnknown, ProblemCode::TenantUnknown] {
        world.enclave.says(refused(ProblemCode::TenantUnknown, vec![]));
        world.post(&signer, "/v1/ceremonies", b"sealed", &key).await.is_problem(code);
    }
    let query = RecordQuery::One(RecordKey::Tenant(tenant()));
    let calls = world.enclave.take_calls();
    assert_eq!(calls.len(), 3, "the last one was answered from the store");
    assert_eq!(found(&calls[0], &query), found(&calls[1], &query));
    assert_ne!(found(&calls[1], &query), found(&calls[2], &query));
}

#[tokio::test]
async fn keys_that_another_call_provisioned_first_are_the_ones_that_count() {
    let (world, signer) = ready().await;
    let key = RecordKey::DataKey { tenant: tenant(), number: DataKeyNumber(1) };
    world.put(key.clone(), record(1, b"first".to_vec(), Row::Empty)).await;
    let late = Write {
        key,
        condition: Condition::Absent,
        put: Some(record(1, b"late".to_vec(), Row::Empty)),
    };
    let query = RecordQuery::DataKeysOf(tenant());
    world.enclave.says(Reply::Provision { writes: vec![late], queries: vec![query.clone()] });
    world.enclave.says(done("{}", vec![]));
    let answer = world.post(&signer, "/v1/wallets", b"sealed", &world.key()).await;
    assert_eq!(answer.status, 200);
    let calls = world.enclave.take_calls();
    assert_eq!(found(&calls[1], &query).unwrap()[0].bytes, ByteBuf::from(b"first".to_vec()));
}

#[tokio::test]
async fn the_answer_is_released_with_its_writes_committed() {
    let (world, signer) = ready().await;
    world.enclave.says(done("{}", vec![put_wallet(Condition::Absent, 1)]));
    let answer = world.post(&signer, "/v1/wallets", b"sealed", &world.key()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(wallet_bytes(&world).await, Some(vec![1]));
}

#[tokio::test]
async fn an_answer_whose_writes_cannot_be_committed_is_dropped() {
    let (world, signer) = ready().await;
    let key = world.key();
    let before = world.records().await;
    world.enclave.says(done("{\"secret\":1}", vec![put_wallet(Condition::Version(7), 8)]));
    let answer = world.post(&signer, "/v1/wallets", b"sealed", &key).await;
    answer.is_problem(ProblemCode::Conflict);
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
    assert_eq!(world.records().await, before);
    // The key is free again: a retry asks the enclave, which decides by what it remembers.
    world.enclave.says(done("{}", vec![put_wallet(Condition::Absent, 1)]));
    assert_eq!(world.post(&signer, "/v1/wallets", b"sealed", &key).await.status, 200);
    assert_eq!(world.enclave.take_calls().len(), 2);
}

#[tokio::test]
async fn a_refusal_of_the_sealed_body_is_kept_with_its_writes() {
    let (world, signer) = ready().await;
    let key = world.key();
    let writes = vec![put_wallet(Condition::Absent, 1)];
    world.enclave.says(refused(ProblemCode::CeremonyForked, writes));
    for _ in 0..2 {
        let answer = world.post(&signer, "/v1/ceremonies", b"sealed", &key).await;
        let problem = answer.is_problem(ProblemCode::CeremonyForked);
        assert_eq!(problem.detail.as_deref(), Some("because"));
    }
    assert_eq!(world.enclave.take_calls().len(), 1);
    assert_eq!(wallet_bytes(&world).await, Some(vec![1]));
}

#[tokio::test]
async fn a_refusal_that_may_pass_is_not_kept() {
    let (world, signer) = ready().await;
    for code in [ProblemCode::Overloaded, ProblemCode::SignatureStale, ProblemCode::KmsUnavailable]
    {
        let key = world.key();
        world.enclave.says(refused(code, vec![]));
        let answer = world.post(&signer, "/v1/ceremonies", b"sealed", &key).await;
        answer.is_problem(code);
        world.enclave.says(done("{}", vec![]));
        let answer = world.post(&signer, "/v1/ceremonies", b"sealed", &key).await;
        assert_eq!(answer.status, 200, "{code}");
    }
}

#[tokio::test]
async fn an_enclave_that_sheds_load_says_when_to_come_back() {
    let (world, signer) = ready().await;
    world.enclave.will(Act::Status(503, "17"));
    let answer = world.post(&signer, "/v1/ceremonies", b"sealed", &world.key()).await;
    answer.is_problem(ProblemCode::Overloaded);
    assert_eq!(answer.header("retry-after"), Some("17"));
}

#[tokio::test]
async fn a_broken_enclave_is_our_fault_and_frees_the_key() {
    let (world, signer) = ready().await;
    let key = world.key();
    let again = || need(vec![RecordQuery::One(RecordKey::Tenant(tenant()))]);
    let endless =
        |n: u8| need(vec![RecordQuery::One(RecordKey::Ceremony(CeremonyId::new([n; 16])))]);
    let many = (0..100_u8)
        .map(|n| RecordQuery::One(RecordKey::Ceremony(CeremonyId::new([n; 16]))))
        .collect();
    let scripts = [
        vec![Act::Status(500, "")],
        vec![Act::Garble(b"nonsense".to_vec())],
        vec![Act::Garble(vec![0; sharekeep_schemas::limits::MAX_ENCLAVE_CALL_BYTES + 1])],
        vec![Act::Say(again())],
        vec![Act::Say(need(many))],
        (0..20).map(|n| Act::Say(endless(n))).collect(),
        vec![Act::Say(done(
            "{}",
            vec![put_wallet(Condition::Absent, 1), put_wallet(Condition::Absent, 1)],
        ))],
    ];
    for (n, script) in scripts.into_iter().enumerate() {
        script.into_iter().for_each(|act| world.enclave.will(act));
        let answer = world.post(&signer, "/v1/ceremonies", b"sealed", &key).await;
        assert_eq!(answer.status, 500, "script {n}");
        answer.is_problem(ProblemCode::Internal);
        assert!(world.enclave.take_calls().len() <= 8);
        world.enclave.forget_script();
    }
    assert_eq!(wallet_bytes(&world).await, None);
    world.enclave.says(done("{}", vec![]));
    assert_eq!(world.post(&signer, "/v1/ceremonies", b"sealed", &key).await.status, 200);
}

#[tokio::test]
async fn a_body_for_another_enclave_key_is_sent_back_without_a_call() {
    let (world, signer) = ready().await;
    let old = world.post_request(&signer, "/v1/wallets", b"sealed", &world.key());
    world.unregister(world.enclave.key()).await;
    world.enclave.change_key();
    world.register(world.enclave.row()).await;
    world.send(old).await.is_problem(ProblemCode::EnclaveKeyUnknown);
    assert!(world.enclave.take_calls().is_empty());
    // The new key is found without a restart of the functions.
    world.enclave.says(done("{}", vec![]));
    let answer = world.post(&signer, "/v1/wallets", b"sealed", &world.key()).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_enclave_that_is_away_is_unavailable() {
    let (world, signer) = ready().await;
    world.enclave.go_away().await;
    let answer = world.post(&signer, "/v1/wallets", b"sealed", &world.key()).await;
    answer.is_problem(ProblemCode::EnclaveUnavailable);
    assert!(answer.header("retry-after").is_some());
    let answer = world.send(unsigned("GET", "/readyz", b"")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["ready"], false);
}

#[tokio::test]
async fn a_caller_who_hangs_up_gets_the_answer_on_the_retry() {
    let (world, signer) = ready().await;
    let key = world.key();
    let writes = vec![put_wallet(Condition::Absent, 1)];
    world.enclave.will(Act::SayLate(Duration::from_millis(200), done("{\"n\":1}", writes)));
    let hangs_up = world.post(&signer, "/v1/wallets", b"sealed", &key);
    assert!(tokio::time::timeout(Duration::from_millis(100), hangs_up).await.is_err());
    for _ in 0..100 {
        if wallet_bytes(&world).await.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answer = world.post(&signer, "/v1/wallets", b"sealed", &key).await;
    assert_eq!(answer.body, b"{\"n\":1}");
    assert_eq!(world.enclave.take_calls().len(), 1);
}

#[tokio::test]
async fn an_attestation_needs_no_signature_and_a_nonce() {
    let world = World::new().await;
    let nonce = "A".repeat(43);
    world.enclave.says(done("{\"document\":\"AA\"}", vec![]));
    let answer = world.send(unsigned("GET", &format!("/v1/attestation?nonce={nonce}"), b"")).await;
    assert_eq!(answer.status, 200);
    let calls = world.enclave.take_calls();
    assert_eq!(calls[0].http.query, Some(format!("nonce={nonce}")));
    assert!(found(&calls[0], &RecordQuery::One(RecordKey::DeploymentKeys)).is_some());
    for target in ["/v1/attestation", "/v1/attestation?nonce=AA"] {
        let answer = world.send(unsigned("GET", target, b"")).await;
        answer.is_problem(ProblemCode::MalformedRequest);
    }
    assert!(world.enclave.take_calls().is_empty());
}

#[tokio::test]
async fn releases_are_handed_on_as_they_were_put_and_are_no_tenant() {
    let world = World::new().await;
    let get = || world.send(unsigned("GET", "/v1/releases", b""));
    assert_eq!(get().await.json(), serde_json::json!({ "releases": [] }));
    let tenants = world.store.tenants().await.unwrap().len();
    let texts = ["{\n  \"one\": 1\n}\n", "two"].map(str::to_owned);
    world.store.put_releases(&texts).await.unwrap();
    assert_eq!(get().await.json(), serde_json::json!({ "releases": texts }));
    world.store.put_releases(&texts[1..]).await.unwrap();
    assert_eq!(get().await.json(), serde_json::json!({ "releases": ["two"] }));
    for too_much in [vec![String::new(); 9], vec!["x".repeat(128 * 1024)]] {
        assert!(world.store.put_releases(&too_much).await.is_err());
    }
    assert_eq!(world.store.tenants().await.unwrap().len(), tenants);
    assert!(world.enclave.take_calls().is_empty(), "the enclave has no part in it");
}

#[tokio::test]
async fn a_ready_deployment_says_so() {
    let world = World::new().await;
    let answer = world.send(unsigned("GET", "/readyz", b"")).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let checks = answer.json();
    let names: Vec<_> =
        checks["checks"].as_array().unwrap().iter().map(|check| check["name"].clone()).collect();
    assert_eq!(names, ["store", "enclave", "kms", "clock", "pcrs"]);
}
