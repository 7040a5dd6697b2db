//! A host that answers in its enclave's place, and has written what no enclave would.

use crate::gate::opening;
use crate::scripted::{done, refused};
use crate::world::{Signer, World, record, tenant, unsigned, wallet_row};
use serde_bytes::ByteBuf;
use sharekeep_channel::signature::SessionAlgorithm;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::*;

const USER: UserId = UserId::new([1; 32]);
const STRANGER: UserId = UserId::new([2; 32]);
const WALLET: WalletId = WalletId::new([5; 16]);
const DEVICE: DeviceId = DeviceId::new([3; 16]);
const FACTOR: FactorId = FactorId::new([6; 16]);

fn put(key: RecordKey, condition: Condition, version: u64) -> Write {
    Write { key, condition, put: Some(record(version, vec![9], Row::Empty)) }
}

fn delete(key: RecordKey, condition: Condition) -> Write {
    Write { key, condition, put: None }
}

fn wallet(user: UserId) -> RecordKey {
    RecordKey::Wallet { user, wallet: WALLET }
}

fn factor(user: UserId) -> RecordKey {
    RecordKey::Factor { user, factor: FACTOR }
}

fn data_key(tenant: TenantId, number: u32) -> RecordKey {
    RecordKey::DataKey { tenant, number: DataKeyNumber(number) }
}

/// As the enclave writes it.
fn session_write(signer: &Signer, user: UserId, condition: Condition, version: u64) -> Write {
    let row = SessionRow {
        session: signer.id,
        tenant: tenant(),
        user,
        device: DEVICE,
        public_key: signer.public.clone(),
        scopes: vec![Scope::Read],
        created_at_unix_s: 1,
        expires_at_unix_s: u64::MAX,
    };
    let put = Put {
        version,
        bytes: ByteBuf::from(vec![9]),
        row: Row::Session(row),
        expires_at_unix_s: None,
    };
    Write { key: RecordKey::Session(signer.id), condition, put: Some(put) }
}

/// A deployment with one record of each user, and a session of USER.
async fn ready() -> (World, Signer) {
    let world = World::new().await;
    for user in [USER, STRANGER] {
        world.put(wallet(user), record(4, vec![1], wallet_row(WALLET))).await;
        world.put(factor(user), record(4, vec![1], Row::Empty)).await;
    }
    let signer = world.session(USER).await;
    (world, signer)
}

/// Has these written in the answer to a request, in a refusal, and as keys that had to be made
/// first: nothing is.
async fn writes_nothing(world: &World, signer: &Signer, write: &Write) {
    let before = world.records().await;
    let writes = || vec![write.clone()];
    let replies = [
        done("{}", writes()),
        refused(ProblemCode::MessageRefused, writes()),
        refused(ProblemCode::KmsUnavailable, writes()),
        Reply::Provision { writes: writes(), queries: vec![RecordQuery::WalletsOf(USER)] },
    ];
    for reply in replies {
        world.enclave.says(reply);
        let answer = world.post(signer, "/v1/ceremonies", b"sealed", &world.key()).await;
        answer.is_problem(ProblemCode::Internal);
        assert_eq!(world.records().await, before, "{write:?}");
    }
    assert_eq!(world.enclave.take_calls().len(), 4, "each is refused at once");
}

#[tokio::test]
async fn a_lying_host_cannot_write_records_of_another_user_than_the_posts() {
    let (world, signer) = ready().await;
    let event = EventId::new([1; 16]);
    for write in [
        put(wallet(STRANGER), Condition::Version(4), 5),
        put(factor(STRANGER), Condition::Version(4), 5),
        delete(factor(STRANGER), Condition::Version(4)),
        put(RecordKey::Recovery(STRANGER), Condition::Absent, 1),
        put(RecordKey::Backup { user: STRANGER, wallet: WALLET }, Condition::Absent, 1),
        put(RecordKey::Device { user: STRANGER, device: DEVICE }, Condition::Absent, 1),
        put(RecordKey::PasscodeDraft { user: STRANGER, factor: FACTOR }, Condition::Absent, 1),
        put(RecordKey::Event { user: STRANGER, event }, Condition::Any, 1),
    ] {
        writes_nothing(&world, &signer, &write).await;
    }
}

#[tokio::test]
async fn a_lying_host_cannot_replace_keys_or_tenants() {
    let (world, signer) = ready().await;
    let other: TenantId = "other".parse().unwrap();
    for write in [
        put(data_key(tenant(), 2), Condition::Absent, 1),
        put(data_key(tenant(), 1), Condition::Any, 1),
        put(data_key(tenant(), 1), Condition::Absent, u64::MAX),
        put(data_key(tenant(), 1), Condition::Version(1), 2),
        put(data_key(other, 1), Condition::Absent, 1),
        delete(data_key(tenant(), 1), Condition::Any),
        put(RecordKey::DeploymentKeys, Condition::Any, 1),
        put(RecordKey::DeploymentKeys, Condition::Version(1), 2),
        put(RecordKey::Tenant(tenant()), Condition::Version(1), 2),
        delete(RecordKey::Tenant(tenant()), Condition::Version(1)),
    ] {
        writes_nothing(&world, &signer, &write).await;
    }
}

#[tokio::test]
async fn a_lying_host_cannot_leave_a_version_after_which_nothing_can_be_written() {
    let (world, signer) = ready().await;
    let backup = || RecordKey::Backup { user: USER, wallet: WALLET };
    for write in [
        put(wallet(USER), Condition::Version(4), u64::MAX),
        put(wallet(USER), Condition::Version(4), 4),
        put(wallet(USER), Condition::Any, 5),
        put(wallet(USER), Condition::Unchanged(4), 5),
        put(factor(USER), Condition::Version(4), 6),
        put(factor(USER), Condition::Version(u64::MAX), 0),
        put(factor(USER), Condition::Any, 5),
        put(backup(), Condition::Absent, u64::MAX),
        put(backup(), Condition::Absent, 2),
    ] {
        writes_nothing(&world, &signer, &write).await;
    }
}

#[tokio::test]
async fn a_lying_host_cannot_delete_what_is_never_deleted() {
    let (world, signer) = ready().await;
    for write in [
        delete(wallet(USER), Condition::Version(4)),
        delete(wallet(USER), Condition::Any),
        delete(factor(USER), Condition::Any),
        delete(RecordKey::Recovery(USER), Condition::Version(4)),
        delete(RecordKey::Ceremony(CeremonyId::new([1; 16])), Condition::Version(1)),
    ] {
        writes_nothing(&world, &signer, &write).await;
    }
}

#[tokio::test]
async fn a_lying_host_cannot_end_or_make_sessions_of_others() {
    let (world, signer) = ready().await;
    let strangers = world.session(STRANGER).await;
    let new = Signer::new(SessionAlgorithm::Ed25519, USER);
    let token = RecordKey::Token(TokenId::new([1; 32]));
    for write in [
        session_write(&strangers, STRANGER, Condition::Version(1), 2),
        session_write(&new, USER, Condition::Absent, 1),
        session_write(&signer, STRANGER, Condition::Version(1), 2),
        put(RecordKey::Session(signer.id), Condition::Version(1), 2),
        put(token, Condition::Absent, 1),
    ] {
        writes_nothing(&world, &signer, &write).await;
    }
    // Whose a session is, the store says: a transaction that ends another's does not happen.
    let before = world.records().await;
    let writes = vec![
        put(wallet(USER), Condition::Version(4), 5),
        delete(RecordKey::Session(strangers.id), Condition::Any),
    ];
    world.enclave.says(done("{}", writes));
    let answer = world.post(&signer, "/v1/ceremonies", b"sealed", &world.key()).await;
    answer.is_problem(ProblemCode::Conflict);
    assert_eq!(world.records().await, before);
}

#[tokio::test]
async fn a_lying_host_cannot_open_a_session_into_two_users_records() {
    let (world, _) = ready().await;
    let strangers = world.session(STRANGER).await;
    let before = world.records().await;
    let device = |user| put(RecordKey::Device { user, device: DEVICE }, Condition::Absent, 1);
    let signer = Signer::new(SessionAlgorithm::Ed25519, USER);
    let own = || session_write(&signer, USER, Condition::Absent, 1);
    for (writes, code) in [
        (vec![own(), device(STRANGER)], ProblemCode::Internal),
        (vec![device(USER)], ProblemCode::Internal),
        (vec![own(), put(wallet(USER), Condition::Version(4), 5)], ProblemCode::Internal),
        (
            vec![own(), session_write(&strangers, STRANGER, Condition::Version(1), 2)],
            ProblemCode::Internal,
        ),
        (
            vec![own(), delete(RecordKey::Session(strangers.id), Condition::Any)],
            ProblemCode::Conflict,
        ),
    ] {
        world.enclave.says(done("{}", writes));
        world.send(opening(&world, &signer, tenant())).await.is_problem(code);
        assert_eq!(world.records().await, before);
    }
    world.enclave.says(done("{}", vec![own(), device(USER)]));
    assert_eq!(world.send(opening(&world, &signer, tenant())).await.status, 200);
}

#[tokio::test]
async fn a_lying_host_cannot_write_in_the_answer_to_an_attestation() {
    let (world, _) = ready().await;
    let before = world.records().await;
    let target = format!("/v1/attestation?nonce={}", "A".repeat(43));
    let key = put(data_key(tenant(), 1), Condition::Absent, 1);
    for reply in [
        done("{}", vec![put(wallet(USER), Condition::Version(4), 5)]),
        done("{}", vec![put(RecordKey::DeploymentKeys, Condition::Absent, 1)]),
        Reply::Provision { writes: vec![key], queries: vec![] },
    ] {
        world.enclave.says(reply);
        world.send(unsigned("GET", &target, b"")).await.is_problem(ProblemCode::Internal);
        assert_eq!(world.records().await, before);
    }
}

#[tokio::test]
async fn what_an_enclave_writes_for_its_user_is_written() {
    let (world, signer) = ready().await;
    let other = world.session(USER).await;
    let event = EventId::new([1; 16]);
    let mut writes = vec![
        // What it decided three times, and committed once.
        put(wallet(USER), Condition::Version(4), 7),
        delete(factor(USER), Condition::Version(4)),
        put(RecordKey::Event { user: USER, event }, Condition::Any, 1),
        delete(RecordKey::Session(other.id), Condition::Any),
        delete(RecordKey::Session(SessionKeyId::new([9; 32])), Condition::Any),
        session_write(&signer, USER, Condition::Version(1), 2),
    ];
    writes.push(put(RecordKey::Ceremony(CeremonyId::new([1; 16])), Condition::Absent, 1));
    world.enclave.says(done("{}", writes));
    let answer = world.post(&signer, "/v1/restore", b"sealed", &world.key()).await;
    assert_eq!(answer.status, 200);
    let gone = world.get(&other, "/v1/wallets").await;
    gone.is_problem(ProblemCode::SessionUnknown);
}
