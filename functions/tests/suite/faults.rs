//! A store that fails: whatever becomes of a request, what it brings about happens once, and until
//! then its caller is told to try again.

use crate::line::Fault::{self, Cancelled, Cut, Late, Refused, Stale, Unanswered};
use crate::line::Line;
use crate::scripted::{Act, done};
use crate::world::{Signer, World, embedded_store, record, store_at, wallet_row};
use sharekeep_functions::Config;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::*;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

const USER: UserId = UserId::new([1; 32]);
const FACTOR: FactorId = FactorId::new([4; 16]);
const THROTTLED: Fault = Refused(400, "ProvisionedThroughputExceededException");
const BROKEN: Fault = Refused(500, "InternalServerError");
/// The first try and the SDK's two more.
const ATTEMPTS: usize = 3;

/// What a transaction can meet, what the caller is told (`None`: its answer, as if nothing had been),
/// and whether the store has done it nevertheless.
const TROUBLE: &[(&[Fault], Option<ProblemCode>, Done)] = &[
    (&[THROTTLED], None, Done::Yes),
    (&[BROKEN], None, Done::Yes),
    (&[Unanswered], None, Done::Yes),
    (&[Cut], None, Done::Yes),
    (&[Cut, Unanswered], None, Done::Yes),
    (&[Late(Duration::from_millis(2_500))], None, Done::Yes),
    (&[Cancelled("TransactionConflict")], None, Done::Yes),
    (&[THROTTLED; ATTEMPTS], Some(ProblemCode::StoreUnavailable), Done::No),
    (&[BROKEN; ATTEMPTS], Some(ProblemCode::StoreUnavailable), Done::No),
    (
        &[Refused(400, "TransactionInProgressException"); ATTEMPTS],
        Some(ProblemCode::StoreUnavailable),
        Done::No,
    ),
    (&[Unanswered; ATTEMPTS], Some(ProblemCode::StoreUnavailable), Done::Yes),
    (&[Cut; ATTEMPTS], Some(ProblemCode::StoreUnavailable), Done::Yes),
    (&[Cancelled("TransactionConflict"); 4], Some(ProblemCode::Conflict), Done::No),
    (&[Cancelled("ConditionalCheckFailed")], Some(ProblemCode::Conflict), Done::No),
    (&[Cancelled("ThrottlingError")], Some(ProblemCode::StoreUnavailable), Done::No),
    (&[Cancelled("ProvisionedThroughputExceeded")], Some(ProblemCode::StoreUnavailable), Done::No),
    (&[Cancelled("ItemCollectionSizeLimitExceeded")], Some(ProblemCode::Internal), Done::No),
    (&[Cancelled("ValidationError")], Some(ProblemCode::Internal), Done::No),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Done {
    Yes,
    No,
}

/// What a request is to bring about.
#[derive(Clone, Copy, Debug)]
enum Effect {
    Wallet,
    Ceremony,
    Guess,
}

impl Effect {
    fn path(self) -> String {
        match self {
            Self::Wallet => "/v1/wallets".to_owned(),
            Self::Ceremony => "/v1/ceremonies".to_owned(),
            Self::Guess => format!("/v1/factors/{FACTOR}/guess"),
        }
    }

    /// The enclave does it, as often as it is asked: each time another wallet or ceremony, or one
    /// guess more than the record says.
    fn act(self) -> Act {
        Act::Decide(match self {
            Self::Wallet => |_| {
                let wallet = WalletId::new([number(); 16]);
                let put = record(1, vec![1], wallet_row(wallet));
                created(RecordKey::Wallet { user: USER, wallet }, put)
            },
            Self::Ceremony => |_| {
                let put = record(1, vec![1], Row::Empty);
                created(RecordKey::Ceremony(CeremonyId::new([number(); 16])), put)
            },
            Self::Guess => |call| {
                let charged = charged_in(call) + 1;
                let condition = Condition::Version(u64::from(charged - 1));
                let put = Some(record(u64::from(charged), vec![charged], Row::Empty));
                let write = Write { key: factor(), condition, put };
                done(&format!("{{\"charged\":{charged}}}"), vec![write])
            },
        })
    }

    /// How often it has happened.
    async fn times(self, world: &World) -> usize {
        let table = match self {
            Self::Wallet => "test-wallets",
            Self::Ceremony => "test-ceremonies",
            Self::Guess => return usize::from(charged(world).await),
        };
        world.records().await[table].len()
    }
}

/// A number not used before.
fn number() -> u8 {
    static USED: AtomicU8 = AtomicU8::new(0);
    USED.fetch_add(1, Ordering::SeqCst)
}

fn created(key: RecordKey, put: Put) -> Reply {
    let body = format!("{{\"made\":\"{}\"}}", key.sort());
    done(&body, vec![Write { key, condition: Condition::Absent, put: Some(put) }])
}

fn factor() -> RecordKey {
    RecordKey::Factor { user: USER, factor: FACTOR }
}

fn charged_in(call: &Call) -> u8 {
    let query = RecordQuery::One(factor());
    call.records.iter().find(|loaded| loaded.query == query).unwrap().found[0].bytes[0]
}

async fn charged(world: &World) -> u8 {
    let query = RecordQuery::One(factor());
    world.store.load_all(&[query], world.now()).await.unwrap()[0].found[0].bytes[0]
}

/// A deployment whose functions reach their store over a line; the test reaches it directly.
async fn ready() -> (World, Line, Signer) {
    let address = embedded_store().await;
    let line = Line::to(address).await;
    let store = store_at(format!("http://{address}"));
    store.create_tables().await.unwrap();
    let world = World::over(Config::default(), store, store_at(line.endpoint())).await;
    world.put(factor(), record(0, vec![0], Row::Empty)).await;
    let signer = world.session(USER).await;
    (world, line, signer)
}

async fn happens_once(effect: Effect) {
    let mut cases = JoinSet::new();
    for (faults, told, stored) in TROUBLE {
        cases.spawn(async move {
            let (world, line, signer) = ready().await;
            let (path, key) = (effect.path(), world.key());
            line.will("TransactWriteItems", "idempotency", faults);
            world.enclave.will(effect.act());
            let first = world.post(&signer, &path, b"sealed", &key).await;
            assert!(line.heal() < faults.len(), "{faults:?}: did not happen");
            match told {
                None => assert_eq!(first.status, 200, "{faults:?}"),
                Some(code) => assert!(first.is_problem(*code).retryable, "{faults:?}"),
            }
            if *told == Some(ProblemCode::StoreUnavailable) {
                assert!(first.header("retry-after").is_some(), "{faults:?}");
            }
            let times = usize::from(*stored == Done::Yes);
            assert_eq!(effect.times(&world).await, times, "{faults:?}");

            // Would be taken if the enclave were asked.
            world.enclave.will(effect.act());
            let second = world.post(&signer, &path, b"sealed", &key).await;
            assert_eq!(second.status, 200, "{faults:?}");
            if told.is_none() {
                assert_eq!(second.body, first.body, "{faults:?}");
            }
            while faults.iter().any(|fault| matches!(fault, Late(_))) && line.late() == 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let third = world.post(&signer, &path, b"sealed", &key).await;
            assert_eq!(third.body, second.body, "{faults:?}");
            assert_eq!(effect.times(&world).await, 1, "{faults:?}");
            let asked = world.enclave.take_calls().len();
            assert_eq!(asked, 2 - times, "{faults:?}: calls of the enclave");
        });
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wallet_is_lost_or_made_twice() {
    happens_once(Effect::Wallet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ceremony_is_started_twice() {
    happens_once(Effect::Ceremony).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_guess_is_charged_twice_or_not_at_all() {
    happens_once(Effect::Guess).await;
}

#[tokio::test]
async fn a_transaction_that_arrives_after_it_was_given_up_changes_nothing() {
    let (world, line, signer) = ready().await;
    let key = world.key();
    let late = Late(Duration::from_secs(4));
    line.will("TransactWriteItems", "idempotency", &[late, BROKEN, BROKEN]);
    for _ in 0..2 {
        world.enclave.will(Effect::Wallet.act());
    }
    let first = world.post(&signer, "/v1/wallets", b"sealed", &key).await;
    first.is_problem(ProblemCode::StoreUnavailable);
    let second = world.post(&signer, "/v1/wallets", b"sealed", &key).await;
    assert_eq!((second.status.as_u16(), line.late()), (200, 0));
    let before = world.records().await;
    while line.late() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.records().await, before);
    assert_eq!(world.post(&signer, "/v1/wallets", b"sealed", &key).await.body, second.body);
}

#[tokio::test]
async fn a_key_that_could_not_be_freed_is_free_when_its_lease_is_over() {
    let (world, line, signer) = ready().await;
    let key = world.key();
    line.will("TransactWriteItems", "idempotency", &[THROTTLED; ATTEMPTS]);
    line.will("DeleteItem", "idempotency", &[THROTTLED; ATTEMPTS]);
    for _ in 0..2 {
        world.enclave.will(Effect::Guess.act());
    }
    let path = Effect::Guess.path();
    let answer = world.post(&signer, &path, b"sealed", &key).await;
    answer.is_problem(ProblemCode::StoreUnavailable);
    assert_eq!(line.heal(), 0);
    let answer = world.post(&signer, &path, b"sealed", &key).await;
    assert!(answer.is_problem(ProblemCode::IdempotencyInFlight).retryable);
    assert!(answer.header("retry-after").is_some());
    world.clock.advance_s(61);
    assert_eq!(world.post(&signer, &path, b"sealed", &key).await.status, 200);
    assert_eq!(charged(&world).await, 1);
}

#[tokio::test]
async fn a_mark_whose_answer_was_lost_is_known_as_ones_own() {
    for (table, fault) in
        [("limits", Cut), ("limits", Unanswered), ("idempotency", Cut), ("idempotency", Unanswered)]
    {
        let (world, line, signer) = ready().await;
        line.will("PutItem", table, &[fault]);
        world.enclave.will(Effect::Guess.act());
        let answer = world.post(&signer, &Effect::Guess.path(), b"sealed", &world.key()).await;
        assert_eq!((answer.status.as_u16(), line.heal()), (200, 0), "{table} {fault:?}");
        assert_eq!(charged(&world).await, 1);
    }
}

#[tokio::test]
async fn a_claim_that_nobody_knows_of_holds_a_key_no_longer_than_its_lease() {
    let (world, line, signer) = ready().await;
    let (path, key) = (Effect::Ceremony.path(), world.key());
    line.will("PutItem", "idempotency", &[Cut; ATTEMPTS]);
    let answer = world.post(&signer, &path, b"sealed", &key).await;
    assert!(answer.is_problem(ProblemCode::StoreUnavailable).retryable);
    assert_eq!(line.heal(), 0);
    let answer = world.post(&signer, &path, b"sealed", &key).await;
    assert!(answer.is_problem(ProblemCode::IdempotencyInFlight).retryable);
    assert!(world.enclave.take_calls().is_empty());
    world.clock.advance_s(61);
    world.enclave.will(Effect::Ceremony.act());
    assert_eq!(world.post(&signer, &path, b"sealed", &key).await.status, 200);
    assert_eq!(Effect::Ceremony.times(&world).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_could_not_be_read_are_not_taken_for_missing() {
    let mut cases = JoinSet::new();
    let reads = [("GetItem", "sessions"), ("BatchGetItem", "factors"), ("Query", "data_keys")];
    for (operation, table) in reads {
        for fault in [THROTTLED, BROKEN, Cut, Unanswered] {
            cases.spawn(async move {
                let (world, line, signer) = ready().await;
                let (path, key) = (Effect::Guess.path(), world.key());
                line.will(operation, table, &[fault; ATTEMPTS]);
                let answer = world.post(&signer, &path, b"sealed", &key).await;
                let problem = answer.is_problem(ProblemCode::StoreUnavailable);
                assert!(problem.retryable, "{operation} {fault:?}");
                assert!(line.heal() < ATTEMPTS, "{operation} {fault:?}: did not happen");
                assert!(world.enclave.take_calls().is_empty(), "{operation} {fault:?}");
                world.enclave.will(Effect::Guess.act());
                let answer = world.post(&signer, &path, b"sealed", &key).await;
                assert_eq!(answer.status, 200, "{operation} {fault:?}");
                assert_eq!(charged(&world).await, 1);
            });
        }
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

#[tokio::test]
async fn a_guess_at_a_stale_count_is_not_answered() {
    let (world, line, signer) = ready().await;
    let path = Effect::Guess.path();
    let key = world.key();
    world.enclave.will(Effect::Guess.act());
    assert_eq!(world.post(&signer, &path, b"first", &key).await.body, b"{\"charged\":1}");
    // What is kept for a moment would make another request of it.
    world.clock.advance_s(11);
    let key = world.key();
    line.will("BatchGetItem", "factors", &[Stale]);
    world.enclave.will(Effect::Guess.act());
    let answer = world.post(&signer, &path, b"second", &key).await;
    assert!(answer.is_problem(ProblemCode::Conflict).retryable);
    assert_eq!(line.heal(), 0);
    assert_eq!(world.enclave.take_calls().last().map(charged_in), Some(0), "it was stale");
    assert_eq!(charged(&world).await, 1);
    world.enclave.will(Effect::Guess.act());
    assert_eq!(world.post(&signer, &path, b"second", &key).await.body, b"{\"charged\":2}");
}

#[tokio::test]
async fn a_function_whose_store_is_away_lists_nothing_rather_than_too_little() {
    let (world, line, signer) = ready().await;
    world.enclave.will(Effect::Wallet.act());
    world.post(&signer, "/v1/wallets", b"sealed", &world.key()).await;
    line.will("Query", "wallets", &[Cut; ATTEMPTS]);
    let answer = world.get(&signer, "/v1/wallets").await;
    assert!(answer.is_problem(ProblemCode::StoreUnavailable).retryable);
    assert_eq!(world.get(&signer, "/v1/wallets").await.status, 200);
}
