use crate::scripted::{done, refused};
use crate::world::{Signer, World, record, wallet_row};
use proptest::prelude::*;
use sharekeep_functions::store::Store;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::limits::{IDEMPOTENCY_LIFETIME_S, MAX_STORED_ANSWER_BYTES};
use sharekeep_schemas::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const USER: UserId = UserId::new([1; 32]);
const PATH: &str = "/v1/wallets";

fn write(wallet: u8, condition: Condition) -> Write {
    let id = WalletId::new([wallet; 16]);
    let put = record(1, vec![wallet], wallet_row(id));
    Write { key: RecordKey::Wallet { user: USER, wallet: id }, condition, put: Some(put) }
}

/// A change of a wallet that is not there.
fn conflicting(wallet: u8) -> Write {
    let mut write = write(wallet, Condition::Version(77));
    write.put.as_mut().unwrap().version = 78;
    write
}

#[tokio::test]
async fn an_exact_retry_gets_the_stored_answer_and_another_body_is_refused() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let key = world.key();
    world.enclave.says(done("{\"n\":1}", vec![write(1, Condition::Absent)]));
    for _ in 0..3 {
        let answer = world.post(&signer, PATH, b"sealed", &key).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{\"n\":1}"[..]));
    }
    assert_eq!(world.enclave.take_calls().len(), 1);
    let answer = world.post(&signer, PATH, b"other", &key).await;
    answer.is_problem(ProblemCode::IdempotencyKeyReused);
    let answer = world.post(&signer, "/v1/ceremonies", b"sealed", &key).await;
    answer.is_problem(ProblemCode::IdempotencyKeyReused);
    assert!(world.enclave.take_calls().is_empty());
    // Another session's keys are its own.
    let other = world.session(USER).await;
    world.enclave.says(done("{\"n\":2}", vec![]));
    assert_eq!(world.post(&other, PATH, b"sealed", &key).await.body, b"{\"n\":2}");
}

#[tokio::test]
async fn the_second_of_two_at_once_is_told_to_wait() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let key = world.key();
    let reply = done("{\"n\":1}", vec![]);
    world.enclave.will(crate::scripted::Act::SayLate(Duration::from_millis(300), reply));
    let first = world.post(&signer, PATH, b"sealed", &key);
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.post(&signer, PATH, b"sealed", &key).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.status, 200);
    second.is_problem(ProblemCode::IdempotencyInFlight);
    assert!(second.header("retry-after").is_some());
    assert_eq!(world.enclave.take_calls().len(), 1);
}

#[tokio::test]
async fn a_large_answer_comes_from_the_enclave_again_and_is_committed_once() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let key = world.key();
    let body = format!("{{\"sealed\":\"{}\"}}", "A".repeat(MAX_STORED_ANSWER_BYTES));
    let reply = || done(&body, vec![write(1, Condition::Absent)]);
    world.enclave.says(reply());
    assert_eq!(world.post(&signer, PATH, b"sealed", &key).await.body, body.as_bytes());
    // Committed again, the write would fail: there is such a wallet now.
    world.enclave.says(reply());
    assert_eq!(world.post(&signer, PATH, b"sealed", &key).await.body, body.as_bytes());
    world.enclave.says(done(&body, vec![]));
    assert_eq!(world.post(&signer, PATH, b"sealed", &key).await.body, body.as_bytes());
    let before = world.records().await;
    world.enclave.says(done(&body, vec![write(2, Condition::Absent)]));
    world.post(&signer, PATH, b"sealed", &key).await.is_problem(ProblemCode::Internal);
    world.enclave.says(refused(ProblemCode::CeremonyUnknown, vec![write(3, Condition::Absent)]));
    world.post(&signer, PATH, b"sealed", &key).await.is_problem(ProblemCode::CeremonyUnknown);
    assert_eq!(world.records().await, before);
    world.post(&signer, PATH, b"other", &key).await.is_problem(ProblemCode::IdempotencyKeyReused);
}

#[tokio::test]
async fn a_function_that_lost_its_lease_cannot_commit() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    let key = world.key();
    let reply = done("{\"n\":1}", vec![write(1, Condition::Absent)]);
    world.enclave.will(crate::scripted::Act::SayLate(Duration::from_millis(400), reply));
    let slow = world.post(&signer, PATH, b"sealed", &key);
    let takes_over = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        world.clock.advance_s(61);
        world.enclave.says(done("{\"n\":2}", vec![write(2, Condition::Absent)]));
        world.post(&signer, PATH, b"sealed", &key).await
    };
    let (slow, second) = tokio::join!(slow, takes_over);
    assert_eq!(second.body, b"{\"n\":2}");
    slow.is_problem(ProblemCode::Conflict);
    let page = world.store.page_of::<WalletRow>(&USER, 10, None, world.now()).await.unwrap();
    let wallets = page.rows;
    assert_eq!(wallets.len(), 1);
    assert_eq!(wallets[0].wallet, WalletId::new([2; 16]));
    // Nor does its giving up free the key.
    assert_eq!(world.post(&signer, PATH, b"sealed", &key).await.body, b"{\"n\":2}");
}

/// What happens to one Idempotency-Key.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A request with one of two bodies, and how the enclave would take it.
    Send { body: bool, enclave: Verdict },
    /// A function dies after it began, with one of two bodies.
    Dies { body: bool },
    /// Seconds pass.
    Wait(u64),
}

#[derive(Clone, Copy, Debug)]
enum Verdict {
    Done,
    Final,
    Passing,
    Conflict,
}

/// What the key stands for, as the documentation says.
#[derive(Clone, Copy, Debug)]
enum Model {
    Free,
    InFlight { body: bool, until: u64, gone: u64 },
    Settled { body: bool, answer: Settled, gone: u64 },
}

#[derive(Clone, Copy, Debug)]
enum Settled {
    Done(u64),
    Refused,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let verdict = prop_oneof![
        Just(Verdict::Done),
        Just(Verdict::Final),
        Just(Verdict::Passing),
        Just(Verdict::Conflict),
    ];
    let event = prop_oneof![
        6 => (any::<bool>(), verdict).prop_map(|(body, enclave)| Event::Send { body, enclave }),
        2 => any::<bool>().prop_map(|body| Event::Dies { body }),
        2 => prop_oneof![Just(1), Just(30), Just(61), Just(IDEMPOTENCY_LIFETIME_S)]
            .prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 1..14)
}

/// Runs events against the functions and the model at once.
async fn run(world: &World, events: &[Event], serial: &AtomicU64) {
    let mut signer = world.session(USER).await;
    let key = world.key();
    let mut model = Model::Free;
    for (step, event) in events.iter().enumerate() {
        let now = world.now();
        model = match model {
            Model::InFlight { gone, .. } | Model::Settled { gone, .. } if gone <= now => {
                Model::Free
            }
            other => other,
        };
        match *event {
            Event::Wait(seconds) => {
                world.clock.advance_s(seconds);
                renew(world, &mut signer).await;
            }
            Event::Dies { body } => {
                if let Model::Free = model {
                    leave_in_flight(world, &signer, &key, body).await;
                    let gone = now + IDEMPOTENCY_LIFETIME_S;
                    model = Model::InFlight { body, until: now + 60, gone };
                }
            }
            Event::Send { body, enclave } => {
                let n = serial.fetch_add(1, Ordering::SeqCst);
                model = send(world, &signer, &key, (body, enclave, n), model)
                    .await
                    .unwrap_or_else(|why| panic!("step {step} of {events:?}: {why}"));
            }
        }
    }
}

async fn send(
    world: &World,
    signer: &Signer,
    key: &str,
    (body, enclave, n): (bool, Verdict, u64),
    model: Model,
) -> Result<Model, String> {
    let now = world.now();
    let text = format!("{{\"n\":{n}}}");
    world.enclave.forget_script();
    world.enclave.says(match enclave {
        Verdict::Done => done(&text, vec![]),
        Verdict::Final => refused(ProblemCode::MessageRefused, vec![]),
        Verdict::Passing => refused(ProblemCode::KmsUnavailable, vec![]),
        Verdict::Conflict => done(&text, vec![conflicting(9)]),
    });
    let answer = world.post(signer, PATH, if body { b"one" } else { b"two" }, key).await;
    let asked = !world.enclave.take_calls().is_empty();
    let status = answer.status.as_u16();
    let expect = |ok: bool, what: &str| {
        if ok { Ok(()) } else { Err(format!("{what}: {status}, enclave asked: {asked}")) }
    };
    let is = |code: ProblemCode| {
        answer.status.as_u16() == code.status()
            && serde_json::from_slice::<Problem>(&answer.body).is_ok_and(|p| p.code == code)
    };
    match model {
        Model::InFlight { body: first, .. } | Model::Settled { body: first, .. }
            if first != body =>
        {
            expect(!asked && is(ProblemCode::IdempotencyKeyReused), "another body")?;
            Ok(model)
        }
        Model::InFlight { until, .. } if until > now => {
            expect(!asked && is(ProblemCode::IdempotencyInFlight), "in flight")?;
            Ok(model)
        }
        Model::Settled { answer: Settled::Done(first), .. } => {
            let same = answer.body == format!("{{\"n\":{first}}}").as_bytes();
            expect(!asked && status == 200 && same, "the stored answer")?;
            Ok(model)
        }
        Model::Settled { answer: Settled::Refused, .. } => {
            expect(!asked && is(ProblemCode::MessageRefused), "the stored refusal")?;
            Ok(model)
        }
        Model::Free | Model::InFlight { .. } => {
            expect(asked, "carried out")?;
            let gone = now + IDEMPOTENCY_LIFETIME_S;
            match enclave {
                Verdict::Done => {
                    expect(status == 200 && answer.body == text.as_bytes(), "answered")?;
                    Ok(Model::Settled { body, answer: Settled::Done(n), gone })
                }
                Verdict::Final => {
                    expect(is(ProblemCode::MessageRefused), "refused")?;
                    Ok(Model::Settled { body, answer: Settled::Refused, gone })
                }
                Verdict::Passing => {
                    expect(is(ProblemCode::KmsUnavailable), "refused for now")?;
                    Ok(Model::Free)
                }
                Verdict::Conflict => {
                    expect(is(ProblemCode::Conflict), "not committed")?;
                    Ok(Model::Free)
                }
            }
        }
    }
}

/// The same session with its time set on, as the enclave's renewal leaves it.
async fn renew(world: &World, signer: &mut Signer) {
    world.put_session(signer, vec![Scope::Read, Scope::Sign, Scope::Manage]).await;
}

/// The row of a function that died after it began.
async fn leave_in_flight(world: &World, signer: &Signer, key: &str, body: bool) {
    use aws_sdk_dynamodb::types::AttributeValue::{B, N, S};
    use sha2::{Digest, Sha256};
    let sealed: &[u8] = if body { b"one" } else { b"two" };
    let mut hash = Sha256::new();
    for part in [b"POST", PATH.as_bytes(), sealed] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let fingerprint: [u8; 32] = hash.finalize().into();
    let now = world.now();
    let table = table(&world.store);
    let blob = |bytes: &[u8]| B(aws_sdk_dynamodb::primitives::Blob::new(bytes.to_vec()));
    world
        .store
        .client()
        .put_item()
        .table_name(table)
        .item("pk", S(format!("{}#{key}", signer.id)))
        .item("sk", S("request".into()))
        .item("state", S("in_flight".into()))
        .item("fingerprint", blob(&fingerprint))
        .item("owner", blob(&[9; 16]))
        .item("lease_until", N((now + 60).to_string()))
        .item("expires_at", N((now + IDEMPOTENCY_LIFETIME_S).to_string()))
        .send()
        .await
        .unwrap();
}

fn table(store: &Store) -> String {
    store.table_names().into_iter().find(|name| name.ends_with("idempotency")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_key_stands_for_one_request_whatever_happens(runs in prop::collection::vec(events(), 1..3)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let serial = AtomicU64::new(0);
            for events in &runs {
                run(&world, events, &serial).await;
            }
        });
    }
}
