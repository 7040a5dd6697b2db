use crate::world::{Signer, World, backup_row, record, wallet_row};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::http::{
    BackupView, CeremonyView, DeviceView, EventView, FactorView, Page, SessionView, WalletView,
};
use sharekeep_schemas::*;

const USER: UserId = UserId::new([1; 32]);
const STRANGER: UserId = UserId::new([2; 32]);

async fn put_wallet(world: &World, user: UserId, n: u8) -> WalletId {
    let wallet = WalletId::new([n; 16]);
    let put = record(1, b"sealed share".to_vec(), wallet_row(wallet));
    world.put(RecordKey::Wallet { user, wallet }, put).await;
    wallet
}

#[tokio::test]
async fn a_user_sees_their_wallets_page_by_page_and_nobody_elses() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    for n in 0..5 {
        put_wallet(&world, USER, n).await;
    }
    let foreign = put_wallet(&world, STRANGER, 9).await;
    let (mut seen, mut target) = (vec![], "/v1/wallets?limit=2".to_owned());
    loop {
        let answer = world.get(&signer, &target).await;
        let page: Page<WalletView> = serde_json::from_slice(&answer.body).unwrap();
        seen.extend(page.items);
        match page.next_cursor {
            Some(cursor) => target = format!("/v1/wallets?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().all(|wallet| wallet.status == WalletStatus::Active));
    assert!(world.enclave.take_calls().is_empty());

    let own = world.get(&signer, &format!("/v1/wallets/{}", seen[0].wallet_id)).await;
    assert_eq!(serde_json::from_slice::<WalletView>(&own.body).unwrap(), seen[0]);
    let answer = world.get(&signer, &format!("/v1/wallets/{foreign}")).await;
    answer.is_problem(ProblemCode::NotFound);
    for missing in [WalletId::new([77; 16]).to_string(), "not-an-id".into()] {
        let answer = world.get(&signer, &format!("/v1/wallets/{missing}")).await;
        answer.is_problem(ProblemCode::NotFound);
    }
    let answer = world.get(&signer, "/v1/wallets?cursor=forged").await;
    answer.is_problem(ProblemCode::MalformedRequest);
}

#[tokio::test]
async fn a_listing_never_holds_sealed_bytes() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    put_wallet(&world, USER, 1).await;
    let answer = world.get(&signer, "/v1/wallets").await;
    let fields = answer.json()["items"][0].as_object().unwrap().len();
    assert_eq!(fields, 9, "{}", answer.json());
}

#[tokio::test]
async fn a_user_sees_their_sessions_and_which_one_asks() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    world.session(USER).await;
    world.session(STRANGER).await;
    let answer = world.get(&signer, "/v1/sessions").await;
    let page: Page<SessionView> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(page.items.len(), 2);
    let current: Vec<_> = page.items.iter().filter(|session| session.current).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].session_id, signer.id);
}

#[tokio::test]
async fn a_ceremony_is_shown_to_its_user_until_it_is_over() {
    let world = World::new().await;
    let ceremony = CeremonyId::new([4; 16]);
    let row = CeremonyRow {
        ceremony,
        user: USER,
        enclave_key: world.enclave.key(),
        kind: CeremonyKind::Sign,
        state: CeremonyState::Running,
        wallet: Some(WalletId::new([5; 16])),
        expires_at_unix_s: world.now() + 300,
    };
    let put = Put {
        expires_at_unix_s: Some(world.now() + 300),
        ..record(1, b"sealed".to_vec(), Row::Ceremony(row))
    };
    world.put(RecordKey::Ceremony(ceremony), put).await;
    let signer = world.session(USER).await;
    let stranger = world.session(STRANGER).await;
    let path = format!("/v1/ceremonies/{ceremony}");
    let answer = world.get(&signer, &path).await;
    let view: CeremonyView = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((view.ceremony_id, view.state), (ceremony, CeremonyState::Running));
    world.get(&stranger, &path).await.is_problem(ProblemCode::NotFound);
    world.clock.advance_s(300);
    world.get(&signer, &path).await.is_problem(ProblemCode::NotFound);
}

/// Everything in a list, in pages of this size.
async fn all<T: DeserializeOwned>(
    world: &World,
    signer: &Signer,
    list: &str,
    limit: u16,
) -> Vec<T> {
    let (mut seen, mut cursor) = (vec![], String::new());
    for _ in 0..300 {
        let answer = world.get(signer, &format!("/v1/{list}?limit={limit}{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let page: Page<T> = serde_json::from_slice(&answer.body).unwrap();
        assert!(page.items.len() <= usize::from(limit));
        seen.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
    panic!("{list} does not end");
}

#[tokio::test]
async fn large_backups_do_not_cut_a_list_short() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    for n in 0..12 {
        let wallet = WalletId::new([n; 16]);
        let put = record(1, vec![0; 200_000], backup_row(wallet, 1));
        world.put(RecordKey::Backup { user: USER, wallet }, put).await;
    }
    let wallet = WalletId::new([77; 16]);
    let foreign = RecordKey::Backup { user: STRANGER, wallet };
    world.put(foreign, record(1, vec![0], backup_row(wallet, 1))).await;
    for limit in [5, 12, 100] {
        let seen: Vec<BackupView> = all(&world, &signer, "backups", limit).await;
        let ids: Vec<_> = seen.iter().map(|view| view.wallet_id.as_bytes()[0]).collect();
        assert_eq!(ids, (0..12).collect::<Vec<_>>(), "limit {limit}");
    }
}

fn factor(n: u8) -> (FactorId, Row) {
    // Behind the decoys, in the order of the store.
    let factor = FactorId::new([200 + n; 16]);
    let kind = FactorKind::RecoveryCode;
    (factor, Row::Factor(FactorRow { factor, kind, added_at_unix_s: u64::from(n) }))
}

#[tokio::test]
async fn a_list_of_factors_shows_neither_decoys_nor_drafts_nor_other_users_factors() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    for n in 0..3 {
        let (factor, row) = factor(n);
        world.put(RecordKey::Factor { user: USER, factor }, record(1, vec![], row)).await;
    }
    let (factor, row) = factor(9);
    world.put(RecordKey::Factor { user: STRANGER, factor }, record(1, vec![], row)).await;
    world.put(RecordKey::PasscodeDraft { user: USER, factor }, record(1, vec![], Row::Empty)).await;
    world.put(RecordKey::Recovery(USER), record(1, vec![], Row::Empty)).await;
    for n in 100..140 {
        let factor = FactorId::new([n; 16]);
        world.put(RecordKey::Factor { user: USER, factor }, record(1, vec![], Row::Empty)).await;
    }
    for limit in [1, 2, 3, 50] {
        let seen: Vec<FactorView> = all(&world, &signer, "factors", limit).await;
        let added: Vec<_> = seen.iter().map(|view| view.added_at_unix_s).collect();
        assert_eq!(added, [0, 1, 2], "limit {limit}");
    }
}

#[tokio::test]
async fn a_user_sees_their_devices_and_which_one_asks() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    for (user, n) in [(USER, 3), (USER, 4), (STRANGER, 5)] {
        let device = DeviceId::new([n; 16]);
        let row = DeviceRow {
            device,
            name: (n == 4).then(|| "Phone".to_owned()),
            identity_key: ByteBuf::from(vec![n; 32]),
            registered_at_unix_s: 1,
            revoked_at_unix_s: (n == 4).then_some(2),
        };
        world.put(RecordKey::Device { user, device }, record(1, vec![], Row::Device(row))).await;
        let scope = PreparationScope::Pair(Protocol::Cggmp24);
        let beside = RecordKey::Preparation { user, device, scope };
        world.put(beside, record(1, vec![], Row::Empty)).await;
    }
    let seen: Vec<DeviceView> = all(&world, &signer, "devices", 1).await;
    let [own, other] = &seen[..] else { panic!("{seen:?}") };
    assert!(own.current && own.name.is_none() && own.revoked_at_unix_s.is_none());
    assert!(!other.current && other.revoked_at_unix_s == Some(2));
    assert_eq!(other.name.as_deref(), Some("Phone"));
}

#[tokio::test]
async fn events_come_newest_first_until_their_time_is_over() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    for (user, n) in (0..6).map(|n| (USER, n)).chain([(STRANGER, 9)]) {
        let mut id = [0xff; 16];
        id[..8].copy_from_slice(&(world.now() + n).to_be_bytes());
        let event = EventId::new(id);
        let kind = EventKind::DeviceRegistered;
        let device = DeviceId::new([3; 16]);
        let row = Row::Event(EventRow { event, kind, device, at_unix_s: n });
        let put = Put { expires_at_unix_s: Some(world.now() + 10 + n), ..record(1, vec![], row) };
        world.put(RecordKey::Event { user, event }, put).await;
    }
    let at = |seen: Vec<EventView>| seen.iter().map(|view| view.at_unix_s).collect::<Vec<_>>();
    assert_eq!(at(all(&world, &signer, "events", 2).await), [5, 4, 3, 2, 1, 0]);
    world.clock.advance_s(12);
    assert_eq!(at(all(&world, &signer, "events", 2).await), [5, 4, 3]);
}

#[tokio::test]
async fn a_cursor_of_one_list_does_not_lead_into_another() {
    let world = World::new().await;
    let signer = world.session(USER).await;
    for n in 0..2 {
        let (factor, row) = factor(n);
        world.put(RecordKey::Factor { user: USER, factor }, record(1, vec![], row)).await;
    }
    let answer = world.get(&signer, "/v1/factors?limit=1").await;
    let cursor = answer.json()["next_cursor"].as_str().unwrap().to_owned();
    let answer = world.get(&signer, &format!("/v1/devices?cursor={cursor}")).await;
    answer.is_problem(ProblemCode::MalformedRequest);
}
