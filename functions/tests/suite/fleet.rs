//! Which enclave a request goes to.

use crate::scripted::{ScriptedEnclave, done};
use crate::world::{Answer, Signer, World, unsigned};
use aws_sdk_dynamodb::types::AttributeValue;
use sharekeep_schemas::fleet::{EnclaveAddress, FleetRow, KEPT_FOR};
use sharekeep_schemas::*;
use std::collections::HashMap;
use std::time::Duration;

const USER: UserId = UserId::new([1; 32]);
/// Long enough for a heartbeat to be too old, or too far ahead, for anybody.
const TOO_LONG_MS: u64 = 31_000;
/// What begins something in the memory of an enclave.
const NEW_WORK: [&str; 3] =
    ["/v1/ceremonies", "/v1/wallets", "/v1/factors/DAwMDAwMDAwMDAwMDAwMDA/guess"];

/// Two enclaves, of which the second is as idle as the first.
async fn two() -> (World, ScriptedEnclave, Signer) {
    let world = World::new().await;
    let other = ScriptedEnclave::start_with(EnclaveKeyId::new([9; 32])).await;
    world.register(other.row()).await;
    let signer = world.session(USER).await;
    (world, other, signer)
}

impl World {
    /// Puts an enclave's row into the fleet, as its host does.
    pub(crate) async fn register(&self, row: FleetRow) {
        let item = serde_dynamo::to_item(row).unwrap();
        self.put_fleet_item(item).await;
    }

    /// Puts anything at all into the fleet.
    pub(crate) async fn put_fleet_item(&self, item: HashMap<String, AttributeValue>) {
        let put = self.store.client().put_item().table_name(self.store.fleet_table());
        put.set_item(Some(item)).send().await.unwrap();
    }

    /// Takes an enclave's row away, as its host does.
    pub(crate) async fn unregister(&self, key: EnclaveKeyId) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let delete = self.store.client().delete_item().table_name(self.store.fleet_table());
        delete.key("pk", text("enclave")).key("sk", text(&key.to_string())).send().await.unwrap();
    }

    async fn attest(&self) -> Answer {
        let nonce = "A".repeat(43);
        self.send(unsigned("GET", &format!("/v1/attestation?nonce={nonce}"), b"")).await
    }

    async fn post_to(&self, key: EnclaveKeyId, signer: &Signer, path: &str) -> Answer {
        let request = self.post_request_to(key, signer, path, b"sealed", &self.key());
        self.send(request).await
    }
}

fn attests(enclave: &ScriptedEnclave) {
    enclave.says(done("{\"document\":\"AA\"}", vec![]));
}

fn answers(enclave: &ScriptedEnclave) {
    enclave.says(done("{}", vec![]));
}

/// An address at which nobody listens.
async fn nowhere() -> EnclaveAddress {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().try_into().unwrap()
}

#[tokio::test]
async fn an_enclave_whose_heartbeat_stopped_is_not_chosen_and_its_key_is_unknown() {
    let (world, other, signer) = two().await;
    let mut dead = other.row();
    dead.heartbeat_unix_ms -= TOO_LONG_MS;
    world.register(dead).await;
    for _ in 0..8 {
        attests(&world.enclave);
        assert_eq!(world.attest().await.status, 200);
    }
    assert!(other.take_calls().is_empty());
    let answer = world.post_to(other.key(), &signer, "/v1/recovery/open").await;
    answer.is_problem(ProblemCode::EnclaveKeyUnknown);
    // With none that lives there is nothing to attest.
    world.unregister(world.enclave.key()).await;
    let answer = world.attest().await;
    answer.is_problem(ProblemCode::EnclaveUnavailable);
    assert!(answer.header("retry-after").is_some());
    let ready = world.send(unsigned("GET", "/readyz", b"")).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["checks"][1]["ok"]), (503, &false.into()));
}

#[tokio::test]
async fn an_enclave_that_was_started_anew_is_found_at_once_and_its_old_key_is_not() {
    let (world, other, signer) = two().await;
    let old = world.enclave.key();
    answers(&world.enclave);
    assert_eq!(world.post_to(old, &signer, "/v1/recovery/open").await.status, 200);
    world.unregister(old).await;
    world.enclave.change_key();
    world.register(world.enclave.row()).await;
    answers(&world.enclave);
    let answer = world.post_to(world.enclave.key(), &signer, "/v1/recovery/open").await;
    assert_eq!(answer.status, 200);
    // A row that was read a moment ago is believed that long, and the enclave itself would refuse.
    tokio::time::sleep(KEPT_FOR).await;
    let answer = world.post_to(old, &signer, "/v1/recovery/open").await;
    answer.is_problem(ProblemCode::EnclaveKeyUnknown);
    assert!(other.take_calls().is_empty());
}

#[tokio::test]
async fn what_is_sealed_to_a_key_goes_to_its_holder_and_new_callers_to_the_less_busy() {
    let (world, other, signer) = two().await;
    let busy = FleetRow { queued_steps: 3, ..world.enclave.row() };
    world.register(busy).await;
    world.register(FleetRow { ceremonies: 90, ..other.row() }).await;
    for _ in 0..8 {
        attests(&other);
        assert_eq!(world.attest().await.status, 200);
    }
    assert_eq!(other.take_calls().len(), 8);
    // Busy or not: nobody else could open it.
    answers(&world.enclave);
    let answer = world.post_to(world.enclave.key(), &signer, "/v1/ceremonies").await;
    assert_eq!(answer.status, 200);
    assert!(other.take_calls().is_empty());
}

#[tokio::test]
async fn an_enclave_that_leaves_takes_nothing_new_and_ends_what_it_has_begun() {
    let (world, other, signer) = two().await;
    let key = world.enclave.key();
    answers(&world.enclave);
    assert_eq!(world.post_to(key, &signer, NEW_WORK[0]).await.status, 200);
    world.register(FleetRow { draining: true, ..world.enclave.row() }).await;
    tokio::time::sleep(KEPT_FOR).await;
    for path in NEW_WORK {
        let answer = world.post_to(key, &signer, path).await;
        answer.is_problem(ProblemCode::EnclaveKeyUnknown);
    }
    world.enclave.take_calls();
    let ceremony = CeremonyId::new([4; 16]);
    let factor = "/v1/factors/DAwMDAwMDAwMDAwMDAwMDA/guess/finish";
    for path in [&format!("/v1/ceremonies/{ceremony}/steps"), factor, "/v1/recovery/open"] {
        answers(&world.enclave);
        assert_eq!(world.post_to(key, &signer, path).await.status, 200, "{path}");
    }
    assert_eq!(world.enclave.take_calls().len(), 3);
    for _ in 0..8 {
        attests(&other);
        assert_eq!(world.attest().await.status, 200);
    }
    // The last one to leave is nobody's choice either.
    world.register(FleetRow { draining: true, ..other.row() }).await;
    world.attest().await.is_problem(ProblemCode::EnclaveUnavailable);
}

#[tokio::test]
async fn an_answer_that_was_stored_is_given_again_by_an_enclave_that_leaves() {
    let (world, _other, signer) = two().await;
    let key = world.key();
    answers(&world.enclave);
    let first = world.post(&signer, "/v1/ceremonies", b"sealed", &key).await;
    assert_eq!(first.status, 200);
    world.register(FleetRow { draining: true, ..world.enclave.row() }).await;
    tokio::time::sleep(KEPT_FOR).await;
    let again = world.post(&signer, "/v1/ceremonies", b"sealed", &key).await;
    assert_eq!((again.status.as_u16(), again.body), (200, first.body));
}

#[tokio::test]
async fn an_enclave_that_cannot_be_reached_is_passed_over_and_nobody_notices() {
    let (world, other, signer) = two().await;
    // It looks idle, and is gone.
    other.go_away().await;
    world.register(FleetRow { ceremonies: 5, ..world.enclave.row() }).await;
    for _ in 0..8 {
        attests(&world.enclave);
        assert_eq!(world.attest().await.status, 200);
    }
    let answer = world.post_to(other.key(), &signer, "/v1/recovery/open").await;
    answer.is_problem(ProblemCode::EnclaveUnavailable);
    // One of two is enough to be ready.
    let ready = world.send(unsigned("GET", "/readyz", b"")).await;
    assert_eq!(ready.json()["checks"][1]["detail"], "1 of 2 answer");
    assert_eq!(ready.status, 200);
}

#[tokio::test]
async fn clocks_of_hosts_and_functions_may_differ_by_some_seconds() {
    let (world, other, _) = two().await;
    world.unregister(world.enclave.key()).await;
    let now = other.row().heartbeat_unix_ms;
    for (heartbeat_unix_ms, status) in
        [(now - 20_000, 200), (now + 20_000, 200), (now + 2 * TOO_LONG_MS, 503), (u64::MAX, 503)]
    {
        world.register(FleetRow { heartbeat_unix_ms, ..other.row() }).await;
        attests(&other);
        assert_eq!(world.attest().await.status, status, "{heartbeat_unix_ms}");
    }
}

#[tokio::test]
async fn rows_that_lie_or_make_no_sense_hide_no_enclave_that_is_there() {
    let (world, other, signer) = two().await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let huge = "1".repeat(300_000);
    let lies: [(&str, AttributeValue); 8] = [
        ("address", text("169.254.169.254:80")),
        ("address", text("attacker.example:443")),
        ("address", text("unix:/run/x")),
        ("address", text(&huge)),
        ("ceremonies", AttributeValue::N("-1".into())),
        ("queued_steps", AttributeValue::N("1e100".into())),
        ("draining", text("no")),
        ("heartbeat_ms", text("now")),
    ];
    for (n, (name, value)) in lies.into_iter().enumerate() {
        let key = EnclaveKeyId::new([100 + u8::try_from(n).unwrap(); 32]);
        let row = FleetRow { enclave_key: key, ..other.row() };
        let mut item: HashMap<_, _> = serde_dynamo::to_item(row).unwrap();
        item.insert(name.to_owned(), value);
        world.put_fleet_item(item).await;
        let answer = world.post_to(key, &signer, "/v1/recovery/open").await;
        answer.is_problem(ProblemCode::EnclaveKeyUnknown);
    }
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let empty = HashMap::from([("pk".into(), text("enclave")), ("sk".into(), text("x"))]);
    world.put_fleet_item(empty).await;
    for _ in 0..8 {
        attests(&world.enclave);
        attests(&other);
        assert_eq!(world.attest().await.status, 200);
    }
}

#[tokio::test]
async fn thousands_of_rows_that_lie_cost_little_and_hide_no_holder() {
    let (world, _, signer) = two().await;
    let address = nowhere().await;
    for chunk in 0..40_u16 {
        let mut batch = Vec::new();
        for n in 0..25 {
            let mut key = [255; 32];
            key[..2].copy_from_slice(&(chunk * 25 + n).to_be_bytes());
            let enclave_key = EnclaveKeyId::new(key);
            let row = FleetRow { enclave_key, address, ..world.enclave.row() };
            let put = aws_sdk_dynamodb::types::PutRequest::builder();
            let put = put.set_item(Some(serde_dynamo::to_item(row).unwrap())).build().unwrap();
            batch.push(aws_sdk_dynamodb::types::WriteRequest::builder().put_request(put).build());
        }
        let write = world.store.client().batch_write_item();
        write.request_items(world.store.fleet_table(), batch).send().await.unwrap();
    }
    answers(&world.enclave);
    let answer = world.post_to(world.enclave.key(), &signer, "/v1/recovery/open").await;
    assert_eq!(answer.status, 200);
    // Whoever writes the table can refuse service, and nothing else; an answer comes all the same.
    let limit = Duration::from_secs(10);
    let answer = tokio::time::timeout(limit, world.attest()).await.unwrap();
    answer.is_problem(ProblemCode::EnclaveUnavailable);
    let ready = world.send(unsigned("GET", "/readyz", b""));
    let ready = tokio::time::timeout(limit, ready).await.unwrap();
    assert_eq!(ready.json()["ready"], false);
}
