use crate::world::{empty_store, record, store_at, wallet_row};
use serde_bytes::ByteBuf;
use sharekeep_functions::Error;
use sharekeep_functions::store::Cursor;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::*;
use sharekeep_steps::DurableStep;
use std::collections::BTreeSet;

/// Where a test writes what another step would have written.
const STEP: DurableStep = DurableStep::ProvisionTenants;

const NOW: u64 = 1_000;

fn wallet(n: u8) -> RecordKey {
    RecordKey::Wallet { user: UserId::new([1; 32]), wallet: WalletId::new([n; 16]) }
}

fn put(key: RecordKey, condition: Condition, version: u64) -> Write {
    Write { key, condition, put: Some(record(version, vec![version as u8], Row::Empty)) }
}

fn delete(key: RecordKey, condition: Condition) -> Write {
    Write { key, condition, put: None }
}

async fn version_byte(store: &sharekeep_functions::store::Store, key: RecordKey) -> Option<u8> {
    let loaded = store.load_all(&[RecordQuery::One(key)], NOW).await.unwrap();
    loaded[0].found.first().map(|record| record.bytes[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_creations_one_wins() {
    let store = empty_store().await;
    let race: Vec<_> = (1..=16)
        .map(|version| {
            let store = store.clone();
            tokio::spawn(async move {
                store.commit(STEP, &[put(wallet(1), Condition::Absent, version)], NOW).await
            })
        })
        .collect();
    let mut winners = 0;
    for racer in race {
        match racer.await.unwrap() {
            Ok(()) => winners += 1,
            Err(Error::Conflict) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_updates_never_lose_one() {
    let store = empty_store().await;
    store.commit(STEP, &[put(wallet(1), Condition::Absent, 0)], NOW).await.unwrap();
    let race: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut done = 0_u8;
                while done < 5 {
                    let seen = version_byte(&store, wallet(1)).await.unwrap();
                    let next =
                        put(wallet(1), Condition::Version(u64::from(seen)), u64::from(seen) + 1);
                    match store.commit(STEP, &[next], NOW).await {
                        Ok(()) => done += 1,
                        Err(Error::Conflict) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    for racer in race {
        racer.await.unwrap();
    }
    assert_eq!(version_byte(&store, wallet(1)).await, Some(20));
}

#[tokio::test]
async fn a_transaction_happens_whole_or_not_at_all() {
    let store = empty_store().await;
    store.commit(STEP, &[put(wallet(1), Condition::Absent, 1)], NOW).await.unwrap();
    let attempt = [
        put(wallet(2), Condition::Absent, 1),
        put(wallet(1), Condition::Version(9), 10),
        put(wallet(3), Condition::Any, 1),
    ];
    assert!(matches!(store.commit(STEP, &attempt, NOW).await, Err(Error::Conflict)));
    assert_eq!(version_byte(&store, wallet(1)).await, Some(1));
    assert_eq!(version_byte(&store, wallet(2)).await, None);
    assert_eq!(version_byte(&store, wallet(3)).await, None);
}

#[tokio::test]
async fn conditions_hold_for_puts_and_deletes() {
    let store = empty_store().await;
    let conflict = |write| {
        let store = store.clone();
        async move { matches!(store.commit(STEP, &[write], NOW).await, Err(Error::Conflict)) }
    };
    assert!(conflict(put(wallet(1), Condition::Version(1), 2)).await);
    assert!(conflict(delete(wallet(1), Condition::Version(1))).await);
    store.commit(STEP, &[delete(wallet(1), Condition::Any)], NOW).await.unwrap();
    store.commit(STEP, &[put(wallet(1), Condition::Absent, u64::MAX)], NOW).await.unwrap();
    assert!(conflict(put(wallet(1), Condition::Absent, 2)).await);
    assert!(conflict(delete(wallet(1), Condition::Absent)).await);
    store.commit(STEP, &[delete(wallet(1), Condition::Version(u64::MAX))], NOW).await.unwrap();
    assert_eq!(version_byte(&store, wallet(1)).await, None);
}

#[tokio::test]
async fn a_record_whose_time_is_over_is_gone_although_ttl_has_not_removed_it() {
    let store = empty_store().await;
    let key = RecordKey::Ceremony(CeremonyId::new([1; 16]));
    let mut write = put(key.clone(), Condition::Absent, 1);
    write.put.as_mut().unwrap().expires_at_unix_s = Some(NOW + 10);
    store.commit(STEP, &[write], NOW).await.unwrap();
    let query = [RecordQuery::One(key.clone())];
    assert_eq!(store.load_all(&query, NOW + 9).await.unwrap()[0].found.len(), 1);
    assert_eq!(store.load_all(&query, NOW + 10).await.unwrap()[0].found.len(), 0);
    let again = [put(key.clone(), Condition::Absent, 2)];
    assert!(matches!(store.commit(STEP, &again, NOW + 9).await, Err(Error::Conflict)));
    store.commit(STEP, &again, NOW + 10).await.unwrap();
    assert_eq!(version_byte(&store, key).await, Some(2));
}

#[tokio::test]
async fn data_keys_come_in_order_and_only_of_the_tenant() {
    let store = empty_store().await;
    let key = |tenant: &str, number| RecordKey::DataKey {
        tenant: tenant.parse().unwrap(),
        number: DataKeyNumber(number),
    };
    for number in [10, 9, 100] {
        let write = put(key("demo", number), Condition::Absent, u64::from(number));
        store.commit(STEP, &[write], NOW).await.unwrap();
    }
    store.commit(STEP, &[put(key("demo-2", 1), Condition::Absent, 1)], NOW).await.unwrap();
    let query = RecordQuery::DataKeysOf("demo".parse().unwrap());
    let loaded = store.load_all(&[query], NOW).await.unwrap();
    let numbers: Vec<_> = loaded[0].found.iter().map(|record| record.key.clone()).collect();
    assert_eq!(numbers, [key("demo", 9), key("demo", 10), key("demo", 100)]);
}

#[tokio::test]
async fn sessions_are_found_by_their_user_until_they_are_over() {
    let store = empty_store().await;
    for (n, user, until) in [(1, 1, 50), (2, 1, 70), (3, 2, 90)] {
        let id = SessionKeyId::new([n; 32]);
        let row = SessionRow {
            session: id,
            tenant: "demo".parse().unwrap(),
            user: UserId::new([user; 32]),
            device: DeviceId::new([0; 16]),
            public_key: SessionPublicKey {
                algorithm: SessionKeyAlgorithm::Ed25519,
                key: vec![0; 32],
            },
            scopes: vec![],
            created_at_unix_s: NOW,
            expires_at_unix_s: NOW + until,
        };
        let put = Put {
            version: 1,
            bytes: ByteBuf::from(vec![n]),
            row: Row::Session(row),
            expires_at_unix_s: Some(NOW + until),
        };
        let write =
            Write { key: RecordKey::Session(id), condition: Condition::Absent, put: Some(put) };
        store.commit(STEP, &[write], NOW).await.unwrap();
    }
    // The mark of a used token lies in the same table.
    let token = RecordKey::Token(TokenId::new([1; 32]));
    store.commit(STEP, &[put(token, Condition::Absent, 1)], NOW).await.unwrap();

    let query = RecordQuery::SessionsOf(UserId::new([1; 32]));
    let found = |loaded: Vec<LoadedRecord>| {
        loaded[0].found.iter().map(|record| record.bytes[0]).collect::<Vec<_>>()
    };
    let queries = std::slice::from_ref(&query);
    assert_eq!(found(store.load_all(queries, NOW).await.unwrap()), [1, 2]);
    assert_eq!(found(store.load_all(queries, NOW + 50).await.unwrap()), [2]);
    assert_eq!(store.sessions_of(&UserId::new([2; 32]), NOW).await.unwrap().len(), 1);
}

#[tokio::test]
async fn pages_show_every_wallet_once_and_no_other_users() {
    let store = empty_store().await;
    let user = UserId::new([1; 32]);
    for (owner, n) in (0..7).map(|n| (user, n)).chain([(UserId::new([2; 32]), 99)]) {
        let id = WalletId::new([n; 16]);
        let write = Write {
            key: RecordKey::Wallet { user: owner, wallet: id },
            condition: Condition::Absent,
            put: Some(record(1, vec![n], wallet_row(id))),
        };
        store.commit(STEP, &[write], NOW).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    for expected in [3, 3, 1] {
        let page = store.page_of::<WalletRow>(&user, 3, after, NOW).await.unwrap();
        assert_eq!(page.rows.len(), expected);
        seen.extend(page.rows.iter().map(|row| row.wallet.as_bytes()[0]));
        after = page.next.map(|next| Cursor::decode(&next.encode()).unwrap());
    }
    assert_eq!(after, None);
    assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
    // A page that is exactly full is the last one.
    assert!(store.page_of::<WalletRow>(&user, 7, None, NOW).await.unwrap().next.is_none());
}

#[tokio::test]
async fn a_list_for_an_enclave_is_whole_or_refused() {
    let store = empty_store().await;
    let user = UserId::new([1; 32]);
    let max = sharekeep_schemas::limits::MAX_RECORDS_PER_QUERY as u8;
    let writes: Vec<_> = (0..max).map(|n| put(wallet(n), Condition::Absent, 1)).collect();
    for some in writes.chunks(80) {
        store.commit(STEP, some, NOW).await.unwrap();
    }
    let query = [RecordQuery::WalletsOf(user)];
    let loaded = store.load_all(&query, NOW).await.unwrap();
    let keys: BTreeSet<_> = loaded[0].found.iter().map(|record| record.key.clone()).collect();
    assert_eq!((loaded[0].found.len(), keys.len()), (usize::from(max), usize::from(max)));
    assert!((0..max).all(|n| keys.contains(&wallet(n))));
    store.commit(STEP, &[put(wallet(max), Condition::Absent, 1)], NOW).await.unwrap();
    let error = store.load_all(&query, NOW).await.err();
    assert!(matches!(error, Some(Error::Refused { code: ProblemCode::TooMany, .. })), "{error:?}");
}

#[tokio::test]
async fn a_list_of_several_megabytes_is_loaded_whole() {
    let store = empty_store().await;
    let user = UserId::new([1; 32]);
    for n in 0..12 {
        let key = RecordKey::Backup { user, wallet: WalletId::new([n; 16]) };
        let put = record(1, vec![n; 250_000], Row::Empty);
        let write = Write { key, condition: Condition::Absent, put: Some(put) };
        store.commit(STEP, &[write], NOW).await.unwrap();
    }
    let loaded = store.load_all(&[RecordQuery::BackupsOf(user)], NOW).await.unwrap();
    let found: Vec<_> = loaded[0].found.iter().map(|record| record.bytes[0]).collect();
    assert_eq!(found, (0..12).collect::<Vec<_>>());
}

#[tokio::test]
async fn lists_of_factors_and_devices_hold_no_decoys_no_revoked_ones_and_nothing_else() {
    let store = empty_store().await;
    let (user, other) = (UserId::new([1; 32]), UserId::new([2; 32]));
    let factor = |user, n| RecordKey::Factor { user, factor: FactorId::new([n; 16]) };
    let device = |user, n| RecordKey::Device { user, device: DeviceId::new([n; 16]) };
    let row = |n| {
        let (factor, kind) = (FactorId::new([n; 16]), FactorKind::Passcode);
        Row::Factor(FactorRow { factor, kind, added_at_unix_s: NOW })
    };
    let scope = PreparationScope::Pair(Protocol::Cggmp24);
    let others = [
        RecordKey::Recovery(user),
        RecordKey::PasscodeDraft { user, factor: FactorId::new([1; 16]) },
        RecordKey::Preparation { user, device: DeviceId::new([1; 16]), scope },
        factor(other, 3),
        device(other, 3),
    ];
    for key in others {
        store.commit(STEP, &[put(key, Condition::Absent, 9)], NOW).await.unwrap();
    }
    let mut writes = vec![put(device(user, 1), Condition::Absent, 1)];
    let real = Some(record(1, vec![1], row(1)));
    writes.push(Write { key: factor(user, 1), condition: Condition::Absent, put: real });
    // More decoys than a list may have records: who is signed in makes them by guessing.
    for n in 2..=230 {
        writes.push(put(factor(user, n), Condition::Absent, u64::from(n)));
    }
    // And more revoked devices.
    for n in 2..=230 {
        let row = DeviceRow {
            device: DeviceId::new([n; 16]),
            name: None,
            identity_key: vec![n; 32].into(),
            registered_at_unix_s: NOW,
            revoked_at_unix_s: Some(NOW),
        };
        let revoked = Some(record(1, vec![n], Row::Device(row)));
        writes.push(Write { key: device(user, n), condition: Condition::Absent, put: revoked });
    }
    for some in writes.chunks(80) {
        store.commit(STEP, some, NOW).await.unwrap();
    }
    for (query, key) in [
        (RecordQuery::FactorsOf(user), factor(user, 1)),
        (RecordQuery::DevicesOf(user), device(user, 1)),
    ] {
        let loaded = store.load_all(&[query], NOW).await.unwrap();
        let found: Vec<_> = loaded[0].found.iter().map(|record| &record.key).collect();
        assert_eq!(found, [&key]);
    }
}

#[tokio::test]
async fn the_same_query_twice_in_a_batch_is_answered() {
    let store = empty_store().await;
    store.commit(STEP, &[put(wallet(1), Condition::Absent, 1)], NOW).await.unwrap();
    let query = RecordQuery::One(wallet(1));
    let loaded = store.load_all(&[query.clone(), query], NOW).await.unwrap();
    assert!(loaded.iter().all(|loaded| loaded.found.len() == 1));
}

#[tokio::test]
async fn tables_can_be_created_again() {
    let store = empty_store().await;
    store.create_tables().await.unwrap();
    assert_eq!(store.table_names().len(), 13);
}

#[tokio::test]
async fn a_store_that_is_away_or_throttles_is_unavailable() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let error = store_at(format!("http://{closed}")).row(&wallet(1)).await.err();
    assert!(matches!(error, Some(Error::StoreUnavailable(_))), "{error:?}");

    let throttling = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", throttling.local_addr().unwrap());
    let answer = || async {
        let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#;
        (
            axum::http::StatusCode::BAD_REQUEST,
            [("content-type", "application/x-amz-json-1.0")],
            body,
        )
    };
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(throttling, router).await });
    let store = store_at(endpoint);
    let error = store.row(&wallet(1)).await.err();
    assert!(matches!(error, Some(Error::StoreUnavailable(_))), "{error:?}");
    let error = store.commit(STEP, &[put(wallet(1), Condition::Any, 1)], NOW).await.err();
    assert!(matches!(error, Some(Error::StoreUnavailable(_))), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_or_equal_tenant_document_never_replaces_a_newer_one() {
    let store = empty_store().await;
    let shop: TenantId = "shop".parse().unwrap();
    store.put_tenant(&shop, 2, vec![2]).await.unwrap();
    for serial in [1, 2] {
        let refused = store.put_tenant(&shop, serial, vec![9]).await;
        assert!(matches!(refused, Err(Error::Conflict)), "{serial}");
    }
    store.put_tenant(&shop, 10, vec![10]).await.unwrap();
    let refused = store.put_tenant(&shop, 9, vec![9]).await;
    assert!(matches!(refused, Err(Error::Conflict)), "9 after 10, by their numbers");
    let stored = store.tenant(&shop).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.bytes), (10, vec![10]));
    // Functions find it where enclaves ask for it.
    assert_eq!(version_byte(&store, RecordKey::Tenant(shop)).await, Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_listed_by_name() {
    let store = empty_store().await;
    assert!(store.tenants().await.unwrap().is_empty());
    for name in ["shop", "bank"] {
        store.put_tenant(&name.parse().unwrap(), 1, vec![1]).await.unwrap();
    }
    let names: Vec<_> = store.tenants().await.unwrap().into_iter().map(|it| it.tenant).collect();
    assert_eq!(names, ["bank".parse().unwrap(), "shop".parse().unwrap()]);
    assert!(store.tenant(&"none".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_replace_those_that_were_read_and_no_others() {
    let store = empty_store().await;
    let texts = ["one", "two", "three"].map(|text| vec![text.to_owned()]);
    let nothing = store.stored_releases().await.unwrap();
    store.replace_releases(&nothing, &texts[0]).await.unwrap();
    let one = store.stored_releases().await.unwrap();
    store.replace_releases(&one, &texts[1]).await.unwrap();
    for stale in [&nothing, &one] {
        let refused = store.replace_releases(stale, &texts[2]).await;
        assert!(matches!(refused, Err(Error::Conflict)), "{refused:?}");
        assert_eq!(store.releases().await.unwrap(), texts[1]);
    }
    store.put_releases(&texts[2]).await.unwrap();
    assert_eq!(store.releases().await.unwrap(), texts[2]);
}
