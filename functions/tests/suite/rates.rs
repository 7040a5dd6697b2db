//! How often somebody may ask.

use crate::gate::{USER, opening};
use crate::scripted::done;
use crate::world::{Signer, World, tenant, unsigned};
use ::http::Request;
use axum::body::Body;
use sharekeep_channel::signature::SessionAlgorithm;
use sharekeep_functions::{ClientAddress, Config};
use sharekeep_schemas::*;

#[tokio::test]
async fn a_user_who_asks_too_often_waits_and_others_do_not() {
    let world = World::new().await;
    world.put_tenant(3).await;
    let signer = world.session(USER).await;
    let other = world.session(UserId::new([2; 32])).await;
    for left in ["2", "1", "0"] {
        let answer = world.get(&signer, "/v1/wallets").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("ratelimit-remaining"), Some(left));
    }
    let answer = world.get(&signer, "/v1/wallets").await;
    answer.is_problem(ProblemCode::RateLimited);
    assert_eq!(answer.header("retry-after"), Some("20"));
    assert_eq!(world.get(&other, "/v1/wallets").await.status, 200);
    world.clock.advance_s(20);
    assert_eq!(world.get(&signer, "/v1/wallets").await.status, 200);
    world.get(&signer, "/v1/wallets").await.is_problem(ProblemCode::RateLimited);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_requests_do_not_get_more_than_the_rate() {
    let world = std::sync::Arc::new(World::new().await);
    world.put_tenant(5).await;
    let signer = std::sync::Arc::new(world.session(USER).await);
    let race: Vec<_> = (0..15)
        .map(|_| {
            let (world, signer) = (world.clone(), signer.clone());
            tokio::spawn(async move { world.get(&signer, "/v1/wallets").await.status })
        })
        .collect();
    let mut served = 0;
    for racer in race {
        served += usize::from(racer.await.unwrap() == 200);
    }
    assert!(served <= 5, "{served} served");
    assert!(served > 0);
}

#[tokio::test]
async fn openings_are_limited_by_address_and_tenant() {
    let config = Config {
        unsigned_per_minute_per_address: 2,
        openings_per_minute_per_tenant: 3,
        ..Config::default()
    };
    let world = World::with(config).await;
    let open = |address: &'static str| {
        let signer = Signer::new(SessionAlgorithm::Ed25519, USER);
        world.enclave.says(done("{}", vec![]));
        let mut request = opening(&world, &signer, tenant());
        request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
        world.send(request)
    };
    assert_eq!(open("192.0.2.1").await.status, 200);
    assert_eq!(open("192.0.2.1").await.status, 200);
    open("192.0.2.1").await.is_problem(ProblemCode::RateLimited);
    assert_eq!(open("192.0.2.2").await.status, 200);
    open("192.0.2.3").await.is_problem(ProblemCode::RateLimited);
}

#[tokio::test]
async fn who_asks_for_releases_too_often_waits() {
    let config = Config { unsigned_per_minute_per_address: 2, ..Config::default() };
    let world = World::with(config).await;
    let ask = |address: &'static str| {
        let mut request = unsigned("GET", "/v1/releases", b"");
        request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
        world.send(request)
    };
    assert_eq!(ask("192.0.2.1").await.status, 200);
    assert_eq!(ask("192.0.2.1").await.status, 200);
    ask("192.0.2.1").await.is_problem(ProblemCode::RateLimited);
    assert_eq!(ask("192.0.2.2").await.status, 200);
}

fn opening_from(world: &World, address: &str) -> Request<Body> {
    let signer = Signer::new(SessionAlgorithm::Ed25519, USER);
    let mut request = opening(world, &signer, tenant());
    request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
    request
}

#[tokio::test]
async fn strangers_without_a_valid_token_cannot_use_up_a_tenants_openings() {
    let config = Config { openings_per_minute_per_tenant: 2, ..Config::default() };
    let world = World::with(config).await;
    for n in 1..=20 {
        world.enclave.says(crate::scripted::refused(ProblemCode::TokenSignature, vec![]));
        let stranger = opening_from(&world, &format!("192.0.2.{n}"));
        world.send(stranger).await.is_problem(ProblemCode::TokenSignature);
    }
    for _ in 0..2 {
        world.enclave.says(done("{}", vec![]));
        assert_eq!(world.send(opening_from(&world, "198.51.100.1")).await.status, 200);
    }
    let refused = world.send(opening_from(&world, "198.51.100.1")).await;
    refused.is_problem(ProblemCode::RateLimited);
    assert_eq!(refused.header("retry-after"), Some("30"));
}

#[tokio::test]
async fn one_ipv6_customer_cannot_multiply_its_rate_by_its_networks() {
    let config = Config { unsigned_per_minute_per_address: 1, ..Config::default() };
    let world = World::with(config).await;
    let served = async |address: String| {
        world.enclave.says(done("{}", vec![]));
        let served = world.send(opening_from(&world, &address)).await.status == 200;
        world.enclave.forget_script();
        served
    };
    // One /64 after the other of a /56, then of a /48.
    let mut of_one_56 = 0;
    for n in 0..10 {
        of_one_56 += u32::from(served(format!("2001:db8:1:{n:x}::1")).await);
    }
    assert_eq!(of_one_56, 4);
    let mut of_one_48 = of_one_56;
    for n in 0..40 {
        of_one_48 += u32::from(served(format!("2001:db8:1:{:x}::1", 0x100 + n * 0x80)).await);
    }
    assert_eq!(of_one_48, 16);
    assert!(served("2001:db8:2::1".to_owned()).await, "somebody else's network");
}
