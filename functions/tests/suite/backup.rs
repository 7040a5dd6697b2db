use crate::scripted::done;
use crate::world::{Answer, Signer, World, backup_row, record};
use ::http::HeaderValue;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::http::BackupView;
use sharekeep_schemas::*;

const USER: UserId = UserId::new([1; 32]);
const STRANGER: UserId = UserId::new([2; 32]);
const WALLET: WalletId = WalletId::new([5; 16]);

fn key(user: UserId) -> RecordKey {
    RecordKey::Backup { user, wallet: WALLET }
}

/// The backup in this version, as the enclave stores it.
fn stores(version: u64) -> Write {
    let put = record(version, vec![version as u8], backup_row(WALLET, version));
    let condition = Condition::Version(version - 1);
    Write { key: key(USER), condition, put: Some(put) }
}

/// A deployment in which USER has a backup of WALLET in this version.
async fn with_backup(version: u64) -> (World, Signer) {
    let world = World::new().await;
    let signer = world.session(USER).await;
    world.put(key(USER), record(version, vec![1], backup_row(WALLET, version))).await;
    (world, signer)
}

async fn put(world: &World, signer: &Signer, if_match: &[&str], key: &str) -> Answer {
    let path = format!("/v1/wallets/{WALLET}/backup");
    let mut request = world.post_request(signer, &path, b"sealed", key);
    for value in if_match {
        request.headers_mut().append("if-match", HeaderValue::from_str(value).unwrap());
    }
    world.send(request).await
}

async fn version(world: &World) -> u64 {
    match world.store.row(&key(USER)).await.unwrap().unwrap().row {
        Row::Backup(row) => row.version,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_backup_is_replaced_by_who_knows_which_one() {
    let (world, signer) = with_backup(3).await;
    let shown = world.get(&signer, &format!("/v1/wallets/{WALLET}/backup")).await;
    assert_eq!(shown.header("etag"), Some("\"3\""));
    let tag = shown.header("etag").unwrap();
    world.enclave.says(done("{}", vec![stores(4)]));
    let answer = put(&world, &signer, &[tag], &world.key()).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, Some("\"4\"")));
    assert_eq!(version(&world).await, 4);
    let calls = world.enclave.take_calls();
    let has = |query| calls[0].records.iter().any(|loaded| loaded.query == query);
    assert!(has(RecordQuery::One(RecordKey::Wallet { user: USER, wallet: WALLET })));
    assert!(has(RecordQuery::One(key(USER))));
    assert!(has(RecordQuery::One(RecordKey::Recovery(USER))));
}

#[tokio::test]
async fn without_if_match_no_backup_is_replaced() {
    let (world, signer) = with_backup(3).await;
    let answer = put(&world, &signer, &[], &world.key()).await;
    answer.is_problem(ProblemCode::PreconditionMissing);
    assert!(world.enclave.take_calls().is_empty());
}

#[tokio::test]
async fn an_if_match_that_is_not_one_strong_tag_is_malformed() {
    let (world, signer) = with_backup(3).await;
    for values in [
        &["*"][..],
        &["W/\"3\""],
        &["\"3\", \"4\""],
        &["\"3\"", "\"3\""],
        &["3"],
        &["\"03\""],
        &["\"+3\""],
        &["\"\""],
        &[""],
        &["\"18446744073709551616\""],
    ] {
        let answer = put(&world, &signer, values, &world.key()).await;
        answer.is_problem(ProblemCode::MalformedRequest);
    }
    assert!(world.enclave.take_calls().is_empty());
    assert_eq!(version(&world).await, 3);
}

#[tokio::test]
async fn a_backup_that_was_changed_meanwhile_or_is_not_there_is_not_replaced() {
    let (world, signer) = with_backup(3).await;
    for tag in ["\"2\"", "\"4\"", "\"0\"", "\"18446744073709551615\""] {
        let answer = put(&world, &signer, &[tag], &world.key()).await;
        answer.is_problem(ProblemCode::PreconditionFailed);
    }
    // Another user's backup of the same wallet id is none.
    let stranger = world.session(STRANGER).await;
    let answer = put(&world, &stranger, &["\"3\""], &world.key()).await;
    answer.is_problem(ProblemCode::PreconditionFailed);
    assert!(world.enclave.take_calls().is_empty());
    assert_eq!(version(&world).await, 3);
}

#[tokio::test]
async fn a_refused_condition_frees_the_key() {
    let (world, signer) = with_backup(3).await;
    let key = world.key();
    let answer = put(&world, &signer, &["\"4\""], &key).await;
    answer.is_problem(ProblemCode::PreconditionFailed);
    world.enclave.says(done("{}", vec![stores(4)]));
    assert_eq!(put(&world, &signer, &["\"3\""], &key).await.status, 200);
}

#[tokio::test]
async fn an_exact_retry_is_answered_although_its_own_first_try_changed_the_version() {
    let (world, signer) = with_backup(3).await;
    let key = world.key();
    world.enclave.says(done("{\"n\":1}", vec![stores(4)]));
    for _ in 0..3 {
        let answer = put(&world, &signer, &["\"3\""], &key).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{\"n\":1}"[..]));
        assert_eq!(answer.header("etag"), Some("\"4\""));
    }
    assert_eq!(world.enclave.take_calls().len(), 1);
    // With another condition it is another request.
    let answer = put(&world, &signer, &["\"4\""], &key).await;
    answer.is_problem(ProblemCode::IdempotencyKeyReused);
    // Nor is the condition left out on a retry.
    put(&world, &signer, &[], &key).await.is_problem(ProblemCode::PreconditionMissing);
}

#[tokio::test]
async fn of_two_devices_that_replace_the_same_backup_one_wins() {
    let (world, signer) = with_backup(3).await;
    let other = world.session(USER).await;
    let (first, second) = (world.key(), world.key());
    world.enclave.says(done("{}", vec![stores(4)]));
    world.enclave.says(done("{}", vec![stores(4)]));
    let (a, b) = tokio::join!(
        put(&world, &signer, &["\"3\""], &first),
        put(&world, &other, &["\"3\""], &second),
    );
    let (won, lost) = if a.status == 200 { (a, b) } else { (b, a) };
    assert_eq!(won.status, 200);
    // It depends on where they met.
    assert!(lost.status == 409 || lost.status == 412, "{}", lost.status);
    assert_eq!(lost.header("etag"), None);
    assert_eq!(version(&world).await, 4);
}

#[tokio::test]
async fn a_backup_is_shown_to_its_user_only_and_without_its_contents() {
    let (world, signer) = with_backup(3).await;
    let path = format!("/v1/wallets/{WALLET}/backup");
    let answer = world.get(&signer, &path).await;
    let view: BackupView = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((view.wallet_id, view.version, view.size), (WALLET, 3, 10_240));
    assert_eq!(answer.json().as_object().unwrap().len(), 6);
    let stranger = world.session(STRANGER).await;
    for (signer, path) in [
        (&stranger, path),
        (&signer, format!("/v1/wallets/{}/backup", WalletId::new([6; 16]))),
        (&signer, "/v1/wallets/no-id/backup".into()),
    ] {
        let answer = world.get(signer, &path).await;
        answer.is_problem(ProblemCode::NotFound);
        assert_eq!(answer.header("etag"), None);
    }
    world.put(key(USER), record(4, vec![], Row::Empty)).await;
    let answer = world.get(&signer, &format!("/v1/wallets/{WALLET}/backup")).await;
    answer.is_problem(ProblemCode::Internal);
}
