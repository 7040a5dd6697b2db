use super::client::open;
use super::world::{NOW, tenant};
use super::{Client, World};
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::enclave::{Call, LoadedRecord, RecordKey, RecordQuery, Reply};
use sharekeep_schemas::sealed::{Plain, SessionOpened, SessionRenewed, SessionRevoked};
use sharekeep_schemas::{Scope, WalletId};

#[test]
fn the_first_login_makes_all_keys_in_few_rounds() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let opened = client.login(&world);
    assert!(world.rounds.get() <= 6, "{} rounds", world.rounds.get());
    assert_eq!(opened.expires_at_unix_s, NOW + 900);
    assert_eq!(opened.server_time_unix_s, NOW);
    for key in [
        RecordKey::Session(client.id()),
        RecordKey::Device { user: opened.user, device: client.device },
        RecordKey::DeploymentKeys,
    ] {
        assert!(world.store.borrow().contains_key(&key), "{key:?}");
    }
}

#[test]
fn keys_survive_a_restart_and_name_the_same_user() {
    let (mut world, client) = (World::new(), Client::new("shop", "alice"));
    let first = client.login(&world);
    world.restart();
    let second = client.again().login(&world);
    assert_eq!(first.user, second.user);
}

#[test]
fn an_opened_data_key_keeps_kms_off_the_path() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let calls = world.kms_calls.get();
    for _ in 0..20 {
        let _: SessionRenewed =
            client.plain(&world, &format!("/v1/sessions/{}/renew", client.id())).unwrap();
    }
    assert_eq!(world.kms_calls.get(), calls);
}

#[test]
fn the_same_subject_of_two_tenants_or_issuers_is_not_the_same_user() {
    let world = World::new();
    let at_shop = Client::new("shop", "alice").login(&world);
    let at_bank = Client::new("bank", "alice").login(&world);
    assert_ne!(at_shop.user, at_bank.user);

    let partner = Client::new("shop", "alice");
    let mut claims = partner.claims(NOW);
    claims["iss"] = super::world::PARTNER.into();
    claims["cnf"] = serde_json::json!({"jkt": partner.id().to_string()});
    let token = super::IdentityProvider::shared()
        .sign(&serde_json::json!({"alg": "RS256", "kid": "rsa"}), &claims);
    let (sealed, opener) = partner.opening(&world, &token);
    let body = world.serve(&partner.sign(&world, &sealed)).unwrap();
    let by_partner: SessionOpened = open(&opener, &body);
    assert_ne!(at_shop.user, by_partner.user);
}

#[test]
fn a_session_ends_at_its_time() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let path = format!("/v1/sessions/{}/renew", client.id());
    world.pass(899);
    let renewed: SessionRenewed = client.plain(&world, &path).unwrap();
    assert_eq!(renewed.expires_at_unix_s, world.now.get() + 900);
    world.pass(900);
    let http = client.request(&world, &path, &sharekeep_schemas::sealed::Plain::default());
    world.refuses(&http, SessionExpired);
}

#[test]
fn a_session_cannot_be_renewed_for_ever() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let path = format!("/v1/sessions/{}/renew", client.id());
    let mut last = 0;
    while let Ok(renewed) = client.plain::<SessionRenewed>(&world, &path) {
        last = renewed.expires_at_unix_s;
        world.pass(890);
    }
    assert_eq!(last, NOW + 43_200);
}

#[test]
fn a_client_may_ask_for_a_shorter_session_but_not_for_a_longer_one() {
    let world = World::new();
    for (asked, got) in [(60, 60), (100_000, 900)] {
        let client = Client { lifetime_s: Some(asked), ..Client::new("shop", "alice") };
        assert_eq!(client.login(&world).expires_at_unix_s, NOW + got);
    }
}

#[test]
fn only_ones_own_session_can_be_renewed() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let other = client.again();
    other.login(&world);
    let http = client.request(
        &world,
        &format!("/v1/sessions/{}/renew", other.id()),
        &sharekeep_schemas::sealed::Plain::default(),
    );
    world.refuses(&http, NotFound);
}

#[test]
fn the_oldest_session_leaves_when_there_are_too_many() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let opened = client.login(&world);
    let mut removed = 0;
    for _ in 0..10 {
        world.pass(1);
        removed += client.again().login(&world).sessions_removed;
    }
    assert_eq!(removed, 1);
    assert_eq!(world.load(&RecordQuery::SessionsOf(opened.user)).len(), 10);
    let path = format!("/v1/sessions/{}/renew", client.id());
    assert_eq!(client.plain::<SessionRenewed>(&world, &path), Err(SessionUnknown));
}

#[test]
fn a_session_that_left_stays_out_even_if_the_function_never_deletes_it() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let kept = world.store.borrow().clone();
    for _ in 0..10 {
        world.pass(1);
        client.again().login(&world);
    }
    let key = RecordKey::Session(client.id());
    world.store.borrow_mut().insert(key.clone(), kept[&key].clone());
    let path = format!("/v1/sessions/{}/renew", client.id());
    assert_eq!(client.plain::<SessionRenewed>(&world, &path), Err(SessionUnknown));
}

#[test]
fn a_revoked_session_is_over_even_if_the_function_never_commits() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let other = client.again();
    other.login(&world);
    let path = format!("/v1/sessions/{}/revoke", other.id());
    let payload = sharekeep_schemas::sealed::Plain::default();
    // Asked, answered, and dropped by the function.
    assert!(world.ask(&client.request(&world, &path, &payload)).is_ok());
    let renew = format!("/v1/sessions/{}/renew", other.id());
    assert_eq!(other.plain::<SessionRenewed>(&world, &renew), Err(SessionUnknown));
    // Asked again and committed: gone.
    let _: SessionRevoked = client.plain(&world, &path).unwrap();
    assert!(!world.store.borrow().contains_key(&RecordKey::Session(other.id())));
}

#[test]
fn a_session_whose_own_end_was_not_committed_can_ask_for_it_again() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let other = client.again();
    other.login(&world);
    let path = format!("/v1/sessions/{}/revoke", client.id());
    let (sealed, opener) = client.seal(&world, &path, &Plain::default());
    // Asked and answered, but the store was away.
    assert!(world.ask(&client.sign(&world, &sealed)).is_ok());
    // It is over for everything else, the end of another session too.
    let renew = format!("/v1/sessions/{}/renew", client.id());
    assert_eq!(client.plain::<SessionRenewed>(&world, &renew), Err(SessionUnknown));
    let end_other = format!("/v1/sessions/{}/revoke", other.id());
    assert_eq!(client.plain::<SessionRevoked>(&world, &end_other), Err(SessionUnknown));
    // The exact retry is answered, and its write is there again.
    let body = world.serve(&client.sign(&world, &sealed)).unwrap();
    let _: SessionRevoked = open(&opener, &body);
    assert!(!world.store.borrow().contains_key(&RecordKey::Session(client.id())));
    assert_eq!(client.plain::<SessionRevoked>(&world, &path), Err(SessionUnknown));
}

#[test]
fn a_session_of_another_user_or_tenant_cannot_be_revoked() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    for other in [Client::new("shop", "bob"), Client::new("bank", "alice")] {
        other.login(&world);
        let http = client.request(
            &world,
            &format!("/v1/sessions/{}/revoke", other.id()),
            &sharekeep_schemas::sealed::Plain::default(),
        );
        world.refuses(&http, NotFound);
    }
}

#[test]
fn scopes_are_kept_to() {
    let world = World::new();
    let reader = Client { scopes: vec![Scope::Read], ..Client::new("shop", "alice") };
    reader.login(&world);
    let other = reader.again();
    other.login(&world);
    let payload = sharekeep_schemas::sealed::Plain::default();
    let wallet = WalletId::new([1; 16]);
    for path in [
        format!("/v1/sessions/{}/revoke", other.id()),
        format!("/v1/wallets/{wallet}/activate"),
        format!("/v1/wallets/{wallet}/archive"),
    ] {
        world.refuses(&reader.request(&world, &path, &payload), ScopeInsufficient);
    }
    // Its own session it may always end.
    let own = format!("/v1/sessions/{}/revoke", reader.id());
    assert!(reader.plain::<SessionRevoked>(&world, &own).is_ok());
}

#[test]
fn a_session_without_scopes_is_refused() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    Client::new("shop", "bob").login(&world);
    let (sealed, _) = client.opening_with(&world, |payload| payload.scopes.clear());
    world.refuses(&client.sign(&world, &sealed), MalformedRequest);
}

#[test]
fn an_exact_retry_of_a_login_is_answered_again() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let (sealed, opener) = client.opening_with(&world, |_| ());
    // The first answer was never committed; the second is; the third finds it committed.
    assert!(world.ask(&client.sign(&world, &sealed)).is_ok());
    for _ in 0..2 {
        world.pass(1);
        let body = world.serve(&client.sign(&world, &sealed)).unwrap();
        let opened: SessionOpened = open(&opener, &body);
        assert_eq!(opened.expires_at_unix_s, world.now.get() + 900);
    }
}

#[test]
fn a_session_key_opens_one_session() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    // Another token for the same key.
    let (sealed, _) = client.opening_with(&world, |_| ());
    world.refuses(&client.sign(&world, &sealed), SessionProofInvalid);
}

#[test]
fn a_known_device_must_come_with_its_own_key() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let impostor = Client { device: client.device, ..Client::new("shop", "alice") };
    let (sealed, _) = impostor.opening_with(&world, |_| ());
    world.refuses(&impostor.sign(&world, &sealed), SessionProofInvalid);
}

#[test]
fn proofs_that_do_not_hold_are_refused() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    Client::new("shop", "bob").login(&world);
    let changes: [fn(&mut sharekeep_schemas::sealed::OpenSession); 5] = [
        |payload| payload.proof[0] ^= 1,
        |payload| payload.proof.clear(),
        |payload| payload.device_proof[0] ^= 1,
        |payload| payload.device_identity_key[0] ^= 1,
        |payload| payload.tenant = tenant("bank"),
    ];
    for change in changes {
        let (sealed, _) = client.opening_with(&world, change);
        world.refuses(&client.sign(&world, &sealed), SessionProofInvalid);
    }
}

#[test]
fn two_first_logins_at_once_end_with_the_same_keys() {
    let world = World::new();
    let clients = [Client::new("shop", "alice"), Client::new("shop", "alice")];
    let openings = clients.each_ref().map(|client| client.opening_with(&world, |_| ()));
    let https = [0, 1].map(|n| clients[n].sign(&world, &openings[n].0));
    let mut records = [vec![], vec![]];
    let mut done = [None, None];
    // In step: each round both ask before either one's writes are committed.
    for _ in 0..8 {
        let replies = [0, 1].map(|n| {
            let call = Call { version: 1, http: https[n].clone(), records: records[n].clone() };
            if done[n].is_none() { Some(world.reply(&call)) } else { None }
        });
        for (n, reply) in replies.into_iter().enumerate() {
            let queries = match reply {
                Some(Reply::Need { queries }) => queries,
                Some(Reply::Provision { writes, queries }) => {
                    let _lost_race = world.commit(&writes);
                    queries
                }
                Some(Reply::Done { body, writes }) => {
                    world.commit(&writes).unwrap();
                    done[n] = Some(body);
                    continue;
                }
                Some(Reply::Refused { code, .. }) => panic!("{code}"),
                None => continue,
            };
            for query in queries {
                let found = world.load(&query);
                records[n].retain(|record: &LoadedRecord| record.query != query);
                records[n].push(LoadedRecord { query, found });
            }
        }
    }
    let users = [0, 1].map(|n| {
        let opened: SessionOpened = open(&openings[n].1, done[n].as_ref().expect("opened"));
        opened.user
    });
    assert_eq!(users[0], users[1]);
    for client in &clients {
        let path = format!("/v1/sessions/{}/renew", client.id());
        assert!(client.plain::<SessionRenewed>(&world, &path).is_ok());
    }
}
