//! Functions that keep what they see, or never do their duty.

use super::client::open;
use super::device::{active, device_signature};
use super::world::ORIGIN;
use super::{Client, World};
use rand_core::OsRng;
use serde_bytes::ByteBuf;
use sharekeep_channel::signature::{SessionAlgorithm, SessionSigningKey};
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::http::OpenSessionRequest;
use sharekeep_schemas::sealed::{CeremonyAnswer, SessionRenewed};
use sharekeep_schemas::{CeremonyState, Protocol, Scheme};

#[test]
fn a_function_that_keeps_a_login_cannot_open_a_session_with_it() {
    let mut world = World::new();
    Client::new("shop", "bob").login(&world);
    let victim = Client::new("shop", "alice");
    let (sealed, _) = victim.opening_with(&world, |_| ());
    let captured = victim.sign(&world, &sealed);

    // Before anything else: under a key of its own, relabelled in the clear.
    let thief = Client::new("shop", "alice");
    let mut body: OpenSessionRequest = serde_json::from_slice(&sealed.body).unwrap();
    body.session_key = thief.public_key();
    let mut relabelled = sealed.clone();
    relabelled.body = serde_json::to_vec(&body).unwrap();
    world.refuses(&thief.sign(&world, &relabelled), SealedInvalid);
    // Signed by its own key, but naming the victim's.
    let own = SessionSigningKey::generate(SessionAlgorithm::EcdsaP256Sha256, &mut OsRng);
    let http = victim.sign_as(&own, world.now.get(), &sealed);
    world.refuses(&http, SignatureInvalid);

    // The victim's own request goes through, once.
    world.serve(&captured).unwrap();
    world.refuses(&captured, SignatureReplayed);
    world.pass(121);
    world.refuses(&captured, SignatureStale);
    // After a restart nobody can open it any more.
    world.restart();
    let http = victim.sign(&world, &sealed);
    let refused = world.ask(&http).unwrap_err();
    assert_eq!(refused.code, EnclaveKeyUnknown);
}

#[test]
fn a_function_that_never_commits_a_login_gives_nobody_a_second_session() {
    let world = World::new();
    let mut document = world.document("shop");
    document.serial = 2;
    // The weakest setting: tokens that are not bound to a key.
    document.issuers[0].binding = sharekeep_schemas::TokenBinding::None;
    world.put_tenant(&document);
    let client = Client::new("shop", "alice");
    let token = client.token(world.now.get());
    let (sealed, _) = client.opening(&world, &token);
    assert!(world.ask(&client.sign(&world, &sealed)).is_ok());
    // Nothing is on record; memory says that the token was used.
    let thief = client.again();
    let (other, _) = thief.opening(&world, &token);
    world.refuses(&thief.sign(&world, &other), TokenUsed);
    // The client's exact retry still works.
    assert!(world.serve(&client.sign(&world, &sealed)).is_ok());
}

#[test]
fn a_function_that_never_commits_gets_no_second_answer_to_a_round() {
    let world = World::new();
    let client = Client::new("shop", "alice");
    client.sign_up(&world);
    let wallet = active(&world, &client, Scheme::EddsaEd25519, Protocol::Frost);
    let store = world.store.borrow().clone();
    let (mut device, start) = device_signature(&world, &wallet, b"hello");
    let (sealed, opener) = client.seal(&world, "/v1/ceremonies", &start);
    let first = world.ask(&client.sign(&world, &sealed)).unwrap();
    for _ in 0..10 {
        let again = world.ask(&client.sign(&world, &sealed)).unwrap();
        assert_eq!(again, first);
        world.refuses(&client.request(&world, "/v1/ceremonies", &start), CeremonyRepeated);
    }
    // Everything was released, nothing committed: the signature is there, the store is as it was,
    // and that costs the wallet nothing.
    let answer: CeremonyAnswer = open(&opener, &first.body);
    assert_eq!(answer.state, CeremonyState::Complete);
    let messages = super::client::decode_messages(&answer.messages);
    device.step(messages).unwrap();
    assert!(device.take_output().is_some());
    assert!(*world.store.borrow() == store);
}

#[test]
fn a_function_that_sets_the_store_back_does_not_undo_a_revocation() {
    let world = World::new();
    let client = Client::new("shop", "alice");
    client.login(&world);
    let before = world.store.borrow().clone();
    let path = format!("/v1/sessions/{}", client.id());
    let _: sharekeep_schemas::sealed::SessionRevoked =
        client.plain(&world, &format!("{path}/revoke")).unwrap();
    *world.store.borrow_mut() = before;
    let renewed = client.plain::<SessionRenewed>(&world, &format!("{path}/renew"));
    assert_eq!(renewed, Err(SessionUnknown));
}

#[test]
fn a_function_that_denies_the_deployment_keys_changes_no_ones_identity() {
    let world = World::new();
    let client = Client::new("shop", "alice");
    let first = client.login(&world);
    world
        .store
        .borrow_mut()
        .retain(|key, _| !matches!(key, sharekeep_schemas::enclave::RecordKey::DeploymentKeys));
    assert_eq!(client.again().login(&world).user, first.user);
}

#[test]
fn a_call_that_reaches_the_core_unchecked_is_checked_all_the_same() {
    let world = World::new();
    let client = Client::new("shop", "alice");
    client.login(&world);
    let path = format!("/v1/sessions/{}/renew", client.id());
    let good = client.request(&world, &path, &sharekeep_schemas::sealed::Plain::default());
    assert_eq!(good.authority, ORIGIN);
    let mut http = good.clone();
    http.body = ByteBuf::from(vec![0; 1000]);
    world.refuses(&http, SignatureInvalid);
    assert!(world.serve(&good).is_ok());
}
