use crate::world::{World, record, wallet_row};
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::http::{CeremonyView, Page, SessionView, WalletView};
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
