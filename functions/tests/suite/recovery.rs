use crate::scripted::{Act, done, need, refused};
use crate::world::{Signer, World, backup_row, record, tenant, wallet_row};
use sharekeep_functions::Config;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::limits::*;
use sharekeep_schemas::*;
use sharekeep_steps::DurableStep;

/// Where a test writes what another step would have written.
const STEP: DurableStep = DurableStep::ProvisionTenants;

const USER: UserId = UserId::new([1; 32]);
const FACTOR: FactorId = FactorId::new([6; 16]);
const DEVICE: DeviceId = DeviceId::new([3; 16]);
const WALLET: WalletId = WalletId::new([5; 16]);
const KEY: RecordKey = RecordKey::Factor { user: USER, factor: FACTOR };

async fn ready() -> (World, Signer) {
    let world = World::new().await;
    let signer = world.session(USER).await;
    (world, signer)
}

fn guess() -> String {
    format!("/v1/factors/{FACTOR}/guess")
}

/// The factor with one more guess charged, and the event of it.
fn charged(version: u64) -> Vec<Write> {
    let row = FactorRow { factor: FACTOR, kind: FactorKind::Passcode, added_at_unix_s: 1 };
    let event = EventId::new([version as u8; 16]);
    let event_row =
        EventRow { event, kind: EventKind::PasscodeGuessed, device: DEVICE, at_unix_s: 1 };
    vec![
        Write {
            key: KEY,
            condition: if version == 1 {
                Condition::Absent
            } else {
                Condition::Version(version - 1)
            },
            put: Some(record(version, vec![version as u8], Row::Factor(row))),
        },
        Write {
            key: RecordKey::Event { user: USER, event },
            condition: Condition::Absent,
            put: Some(record(1, vec![], Row::Event(event_row))),
        },
    ]
}

async fn charges(world: &World) -> Option<u8> {
    let loaded = world.store.load_all(&[RecordQuery::One(KEY)], world.now()).await.unwrap();
    loaded[0].found.first().map(|record| record.bytes[0])
}

#[tokio::test]
async fn each_request_brings_the_records_that_the_enclave_will_need() {
    let (world, signer) = ready().await;
    let one = RecordQuery::One;
    let wallet = one(RecordKey::Wallet { user: USER, wallet: WALLET });
    let backup = one(RecordKey::Backup { user: USER, wallet: WALLET });
    let recovery = one(RecordKey::Recovery(USER));
    let factor = one(KEY);
    let device = one(RecordKey::Device { user: USER, device: DEVICE });
    let keys = one(RecordKey::DeploymentKeys);
    let draft = one(RecordKey::PasscodeDraft { user: USER, factor: FACTOR });
    let (wallets, factors) = (RecordQuery::WalletsOf(USER), RecordQuery::FactorsOf(USER));
    let sessions = RecordQuery::SessionsOf(USER);
    let devices = RecordQuery::DevicesOf(USER);
    for (path, queries) in [
        ("wallets".into(), vec![&recovery, &factors, &wallets, &keys]),
        (format!("wallets/{WALLET}/activate"), vec![&wallet, &backup, &recovery, &factors, &keys]),
        (format!("wallets/{WALLET}/backup/open"), vec![&wallet, &backup, &recovery]),
        (format!("wallets/{WALLET}/backup/delete"), vec![&wallet, &backup]),
        ("recovery/open".into(), vec![&recovery, &factors]),
        ("recovery/factors".into(), vec![&recovery, &factors]),
        ("restore".into(), vec![&recovery, &devices, &sessions, &keys]),
        (format!("factors/{FACTOR}/register"), vec![&factor, &draft]),
        (format!("factors/{FACTOR}/guess"), vec![&factor, &recovery]),
        (format!("factors/{FACTOR}/guess/finish"), vec![&factor, &recovery]),
        (format!("devices/{DEVICE}/name"), vec![&device]),
        (format!("devices/{DEVICE}/revoke"), vec![&device, &recovery, &sessions]),
    ] {
        world.enclave.says(done("{}", vec![]));
        let answer = world.post(&signer, &format!("/v1/{path}"), b"sealed", &world.key()).await;
        assert_eq!(answer.status, 200, "{path}");
        let calls = world.enclave.take_calls();
        let [call] = &calls[..] else { panic!("{path}: {} calls", calls.len()) };
        let session = one(RecordKey::Session(signer.id));
        let tenant = one(RecordKey::Tenant(tenant()));
        for query in queries.into_iter().chain([&session, &tenant, &device]) {
            assert!(call.records.iter().any(|r| r.query == *query), "{path}: {query:?}");
        }
    }
    for path in ["wallets/x/activate", "factors/x/guess", "factors/x/register", "devices/x/name"] {
        let answer = world.post(&signer, &format!("/v1/{path}"), b"sealed", &world.key()).await;
        answer.is_problem(ProblemCode::NotFound);
    }
    assert!(world.enclave.take_calls().is_empty());
}

#[tokio::test]
async fn an_exact_retry_of_a_guess_is_answered_without_a_second_charge() {
    let (world, signer) = ready().await;
    let key = world.key();
    world.enclave.says(done("{\"ke2\":1}", charged(1)));
    for _ in 0..4 {
        let answer = world.post(&signer, &guess(), b"ke1", &key).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{\"ke2\":1}"[..]));
    }
    assert_eq!(world.enclave.take_calls().len(), 1);
    assert_eq!(charges(&world).await, Some(1));
    // Another guess under the same key is no retry.
    let answer = world.post(&signer, &guess(), b"other ke1", &key).await;
    answer.is_problem(ProblemCode::IdempotencyKeyReused);
    assert!(world.enclave.take_calls().is_empty());
}

#[tokio::test]
async fn the_answer_to_a_guess_stays_inside_until_its_charge_is_committed() {
    let (world, signer) = ready().await;
    let key = world.key();
    world.enclave.says(done("{\"ke2\":1}", charged(7)));
    let answer = world.post(&signer, &guess(), b"ke1", &key).await;
    answer.is_problem(ProblemCode::Conflict);
    assert!(!String::from_utf8_lossy(&answer.body).contains("ke2"));
    assert_eq!(charges(&world).await, None);
    world.enclave.says(done("{\"ke2\":2}", charged(1)));
    let answer = world.post(&signer, &guess(), b"ke1", &key).await;
    assert_eq!(answer.body, b"{\"ke2\":2}");
}

#[tokio::test]
async fn a_wrong_guess_stays_wrong_and_a_destroyed_passcode_is_committed() {
    let (world, signer) = ready().await;
    world.put(KEY, record(1, vec![1], Row::Empty)).await;
    let finish = format!("/v1/factors/{FACTOR}/guess/finish");
    let key = world.key();
    world.enclave.says(refused(ProblemCode::GuessRefused, vec![]));
    for _ in 0..2 {
        let answer = world.post(&signer, &finish, b"ke3", &key).await;
        answer.is_problem(ProblemCode::GuessRefused);
    }
    let destroys = Write { key: KEY, condition: Condition::Version(1), put: None };
    world.enclave.says(refused(ProblemCode::GuessesSpent, vec![destroys]));
    let key = world.key();
    for _ in 0..2 {
        let answer = world.post(&signer, &guess(), b"ke1", &key).await;
        answer.is_problem(ProblemCode::GuessesSpent);
    }
    assert_eq!(world.enclave.take_calls().len(), 2);
    assert_eq!(charges(&world).await, None);
}

#[tokio::test]
async fn a_guess_that_must_wait_says_how_long_and_may_be_tried_again() {
    let (world, signer) = ready().await;
    for code in [ProblemCode::GuessTooEarly, ProblemCode::FactorLeased] {
        let key = world.key();
        let reply = Reply::Refused { code, detail: None, retry_after_s: Some(90), writes: vec![] };
        world.enclave.says(reply);
        let answer = world.post(&signer, &guess(), b"ke1", &key).await;
        answer.is_problem(code);
        assert_eq!(answer.header("retry-after"), Some("90"));
        world.enclave.says(done("{}", vec![]));
        assert_eq!(world.post(&signer, &guess(), b"ke1", &key).await.status, 200);
    }
}

#[tokio::test]
async fn guesses_and_recoveries_have_rates_of_their_own() {
    let config = Config {
        guesses_per_minute_per_user: 2,
        recoveries_per_minute_per_user: 1,
        ..Config::default()
    };
    let world = World::with(config).await;
    let signer = world.session(USER).await;
    // Another session of the user, even for another factor, is the same user.
    let second = world.session(USER).await;
    let other = world.session(UserId::new([2; 32])).await;
    let register = format!("/v1/factors/{}/register", FactorId::new([9; 16]));
    let send = |signer, path: &str| {
        world.enclave.forget_script();
        world.enclave.says(done("{}", vec![]));
        let path = path.to_owned();
        let (world, key) = (&world, world.key());
        async move { world.post(signer, &path, b"sealed", &key).await }
    };
    assert_eq!(send(&signer, &guess()).await.status, 200);
    let last = send(&second, &register).await;
    assert_eq!((last.status.as_u16(), last.header("ratelimit-remaining")), (200, Some("0")));
    world.enclave.take_calls();
    for path in [&guess(), &register] {
        let answer = send(&signer, path).await;
        answer.is_problem(ProblemCode::RateLimited);
        assert_eq!(answer.header("retry-after"), Some("30"));
    }
    assert!(world.enclave.take_calls().is_empty());
    // Whoever guessed may prove it, and do everything else.
    assert_eq!(send(&signer, &format!("{}/finish", guess())).await.status, 200);
    assert_eq!(send(&other, &guess()).await.status, 200);
    assert_eq!(send(&signer, "/v1/restore").await.status, 200);
    send(&signer, "/v1/recovery/factors").await.is_problem(ProblemCode::RateLimited);
    assert_eq!(send(&signer, "/v1/recovery/open").await.status, 200);
}

async fn put_wallets(world: &World, count: usize) {
    let write = |n: usize| {
        let wallet = WalletId::new([n as u8; 16]);
        let put = Some(record(1, vec![1], wallet_row(wallet)));
        Write { key: RecordKey::Wallet { user: USER, wallet }, condition: Condition::Any, put }
    };
    for some in (0..count).map(write).collect::<Vec<_>>().chunks(80) {
        world.store.commit(STEP, some, world.now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_user_cannot_make_more_wallets_than_can_be_restored_together() {
    let (world, signer) = ready().await;
    put_wallets(&world, MAX_KEPT_WALLETS_PER_USER - 1).await;
    let key = world.key();
    world.enclave.says(refused(ProblemCode::Overloaded, vec![]));
    let answer = world.post(&signer, "/v1/wallets", b"sealed", &key).await;
    answer.is_problem(ProblemCode::Overloaded);
    assert_eq!(world.enclave.take_calls().len(), 1);
    put_wallets(&world, MAX_KEPT_WALLETS_PER_USER).await;
    let answer = world.post(&signer, "/v1/wallets", b"sealed", &key).await;
    answer.is_problem(ProblemCode::TooMany);
    assert!(world.enclave.take_calls().is_empty());
    // All of them can still be taken over.
    world.enclave.says(done("{}", vec![]));
    let answer = world.post(&signer, "/v1/restore", b"sealed", &world.key()).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn records_that_do_not_fit_into_a_call_are_refused_and_not_cut() {
    const LARGE: usize = 300_000;
    let (one_list, two_lists) = (USER, UserId::new([2; 32]));
    let world = World::new().await;
    for n in 0..16 {
        let wallet = WalletId::new([n; 16]);
        let put = record(1, vec![0; LARGE], backup_row(wallet, 1));
        world.put(RecordKey::Backup { user: one_list, wallet }, put.clone()).await;
        let key = if n % 2 == 0 {
            RecordKey::Backup { user: two_lists, wallet }
        } else {
            RecordKey::Wallet { user: two_lists, wallet }
        };
        world.put(key, put).await;
    }
    for user in [one_list, two_lists] {
        let signer = world.session(user).await;
        let (wallets, backups) = (RecordQuery::WalletsOf(user), RecordQuery::BackupsOf(user));
        world.enclave.says(need(vec![wallets, backups]));
        let answer = world.post(&signer, "/v1/recovery/factors", b"sealed", &world.key()).await;
        answer.is_problem(ProblemCode::TooMany);
        assert_eq!(world.enclave.take_calls().len(), 1);
    }
}

#[tokio::test]
async fn an_enclave_that_writes_or_asks_without_end_is_stopped() {
    let (world, signer) = ready().await;
    let device = |n: u8| RecordKey::Device { user: USER, device: DeviceId::new([n; 16]) };
    let write = |n| Write { key: device(n), condition: Condition::Version(1), put: None };
    let writes = (0..=MAX_WRITES_PER_COMMIT as u8).map(write).collect();
    let queries = (0..=MAX_RECORDS_PER_CALL as u8).map(|n| RecordQuery::One(device(n))).collect();
    for act in [Act::Say(done("{}", writes)), Act::Say(need(queries))] {
        world.enclave.will(act);
        let answer = world.post(&signer, "/v1/restore", b"sealed", &world.key()).await;
        answer.is_problem(ProblemCode::Internal);
        world.enclave.forget_script();
    }
}
