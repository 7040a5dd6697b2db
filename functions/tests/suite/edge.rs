//! A distribution in front, and callers who go past it.

use crate::gate::{USER, opening};
use crate::scripted::done;
use crate::world::{HOST, Signer, World, tenant};
use ::http::{HeaderValue, Request, header};
use axum::body::Body;
use sha2::{Digest, Sha256};
use sharekeep_channel::signature::SessionAlgorithm;
use sharekeep_functions::{ClientAddress, Config, Edge};
use sharekeep_schemas::*;

const SECRET: &str = "what only the edge knows";

async fn world() -> World {
    let edge = Edge::new(HOST, vec![Sha256::digest(SECRET).into()]).unwrap();
    let config =
        Config { edge: Some(edge), unsigned_per_minute_per_address: 1, ..Config::default() };
    World::with(config).await
}

/// As it arrives from the edge, which speaks to the interface's own host from its own address.
fn through_edge(mut request: Request<Body>, viewer: &'static str) -> Request<Body> {
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("abc.execute-api.example"));
    headers.insert("x-sharekeep-edge", HeaderValue::from_static(SECRET));
    headers.insert("x-sharekeep-viewer", HeaderValue::from_static(viewer));
    request.extensions_mut().insert(ClientAddress("198.51.100.1".parse().unwrap()));
    request
}

#[tokio::test]
async fn what_was_signed_for_the_edges_host_is_served_through_it() {
    let world = world().await;
    let signer = world.session(USER).await;
    let request = signer.request(&world, "GET", "/v1/wallets?limit=1", b"");
    assert_eq!(world.send(through_edge(request, "192.0.2.1")).await.status, 200);
}

#[tokio::test]
async fn past_the_edge_nothing_is_served_not_even_health() {
    let world = world().await;
    let signer = world.session(USER).await;
    let before = world.records().await;
    world.get(&signer, "/v1/wallets").await.is_problem(ProblemCode::NotFound);
    let mut guessed = signer.request(&world, "GET", "/healthz", b"");
    guessed.headers_mut().insert("x-sharekeep-edge", HeaderValue::from_static("a guess"));
    world.send(guessed).await.is_problem(ProblemCode::NotFound);
    assert_eq!(world.records().await, before);
}

#[tokio::test]
async fn each_caller_behind_the_edge_has_a_rate_of_its_own() {
    let world = world().await;
    let open = |viewer| {
        let signer = Signer::new(SessionAlgorithm::Ed25519, USER);
        world.enclave.says(done("{}", vec![]));
        world.send(through_edge(opening(&world, &signer, tenant()), viewer))
    };
    assert_eq!(open("192.0.2.1").await.status, 200);
    open("192.0.2.1").await.is_problem(ProblemCode::RateLimited);
    assert_eq!(open("192.0.2.2").await.status, 200);
}
