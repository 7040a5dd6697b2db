//! Sealed bodies that do not open, or hold something else than they should.

use crate::changes::{Before, REFUSED_AFTER_SIGNATURE, REFUSED_BY_ENCLAVE};
use sharekeep_schemas::http::{Base64Url, SealedRequest, headers};
use sharekeep_schemas::limits::MAX_HTTP_BODY_BYTES;
use sharekeep_schemas::sealed::{Plain, VERSION};
use sharekeep_schemas::{EnclaveKeyId, ProblemCode};
use sharekeep_tests::user::new_key;
use sharekeep_tests::{Deployment, Request, Site, User};

fn sealed_of(request: &Request) -> SealedRequest {
    serde_json::from_slice(&request.body).unwrap()
}

fn set_sealed(request: &mut Request, sealed: &SealedRequest) {
    request.body = serde_json::to_vec(sealed).unwrap();
}

#[tokio::test]
async fn a_request_sealed_to_an_old_enclave_key_is_refused() {
    let mut deployment = Deployment::start().await;
    let (session_key, enclave, wallet) = {
        let alice = User::signed_in(&deployment, "alice").await;
        let wallet = alice.create_wallet().await;
        (alice.session_key, alice.enclave, wallet)
    };
    deployment.stack.restart_enclave().await.unwrap();
    let mut alice = User::arrive(&deployment, "alice").await;
    assert_ne!(alice.enclave.enclave_key, enclave.enclave_key);
    alice.session_key = session_key;
    let fresh = std::mem::replace(&mut alice.enclave, enclave);
    let mut post = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    let before = Before::of(&deployment);
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::EnclaveKeyUnknown);
    // A function that routes it to the new enclave all the same gains nothing.
    let mut sealed = sealed_of(&post.request);
    sealed.enclave_key = EnclaveKeyId::new(*fresh.enclave_key.id().as_bytes());
    set_sealed(&mut post.request, &sealed);
    post.request.set(headers::IDEMPOTENCY_KEY, new_key().as_str());
    post.request.sign(&alice.session_key);
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::EnclaveKeyUnknown);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_changed_sealed_body_is_refused_wherever_it_was_changed() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let path = format!("/v1/wallets/{}/archive", wallet.id);
    let before = Before::of(&deployment);
    let length = sealed_of(&alice.post(&path, &Plain::default()).request).sealed.0.len();
    for at in [40, 66, 70, length - 1] {
        let mut post = alice.post(&path, &Plain::default());
        let mut sealed = sealed_of(&post.request);
        sealed.sealed.0[at] ^= 1;
        set_sealed(&mut post.request, &sealed);
        post.request.sign(&alice.session_key);
        let code = post.send(&deployment).await.problem();
        assert_eq!(code, ProblemCode::SealedInvalid, "byte {at}");
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_sealed_body_is_good_for_one_path_only() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let (one, other) = (alice.create_wallet().await, alice.create_wallet().await);
    let before = Before::of(&deployment);
    // The user herself signs for the other path: only the encapsulation still says which it was.
    for path in
        [format!("/v1/wallets/{}/archive", other.id), format!("/v1/wallets/{}/activate", one.id)]
    {
        let mut post = alice.post(&format!("/v1/wallets/{}/archive", one.id), &Plain::default());
        post.request.path = path;
        post.request.sign(&alice.session_key);
        assert_eq!(post.send(&deployment).await.problem(), ProblemCode::SealedInvalid);
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_sealed_body_is_good_for_one_idempotency_key_only() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let mut post = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    let before = Before::of(&deployment);
    post.request.set(headers::IDEMPOTENCY_KEY, new_key().as_str());
    post.request.sign(&alice.session_key);
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::SealedInvalid);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_sealed_body_re_signed_by_another_session_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let mallory = User::signed_in(&deployment, "mallory").await;
    let her_other_session = User::signed_in(&deployment, "alice").await;
    let path = format!("/v1/wallets/{}/archive", wallet.id);
    let before = Before::of(&deployment);
    // Whoever carries the request keeps body, path and Idempotency-Key, and signs as somebody else.
    for session in [&mallory, &her_other_session] {
        let mut stolen = alice.post(&path, &Plain::default());
        stolen.request.sign(&session.session_key);
        assert_eq!(stolen.send(&deployment).await.problem(), ProblemCode::SealedInvalid);
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
    // The rightful session still gets there with the stolen bytes.
    let archive = alice.post(&path, &Plain::default());
    let mut stolen = archive.request.clone();
    stolen.sign(&mallory.session_key);
    assert_eq!(stolen.send(&deployment.authority()).await.problem(), ProblemCode::SealedInvalid);
    assert_eq!(archive.send(&deployment).await.status, 200);
}

#[tokio::test]
async fn a_payload_that_is_not_what_the_path_wants_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let archive = format!("/v1/wallets/{}/archive", wallet.id);
    let plain = sharekeep_schemas::codec::encode(&Plain::default());
    let payloads: [(&str, Vec<u8>); 7] = [
        ("nothing", Vec::new()),
        ("noise", vec![0xff; 64]),
        ("deep nesting", vec![0x81; 4_000]),
        ("a huge announced length", vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("trailing bytes", [&plain[..], &[0]].concat()),
        // {"version": 1, "x": 1}
        ("an unknown field", b"\xa2\x67version\x01\x61x\x01".to_vec()),
        // {"version": 1, "version": 1}
        ("a field twice", b"\xa2\x67version\x01\x67version\x01".to_vec()),
    ];
    let before = Before::of(&deployment);
    for path in [archive.as_str(), "/v1/wallets", "/v1/ceremonies"] {
        for (what, payload) in &payloads {
            let post = alice.post_bytes(path, payload.clone());
            let code = post.send(&deployment).await.problem();
            assert_eq!(code, ProblemCode::MalformedRequest, "{what} to {path}");
        }
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_payload_of_another_version_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let before = Before::of(&deployment);
    let path = format!("/v1/wallets/{}/archive", wallet.id);
    let post = alice.post(&path, &Plain { version: VERSION + 1 });
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::UnsupportedVersion);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let before = Before::of(&deployment);
    for body in [&b"{"[..], b"null", b"[]", b"{}", br#"{"sealed":"AA","x":1}"#, b"\xff\xfe"] {
        let mut post = alice.post("/v1/ceremonies", &Plain::default());
        post.request.body = body.to_vec();
        post.request.sign(&alice.session_key);
        assert_eq!(post.send(&deployment).await.problem(), ProblemCode::MalformedRequest);
    }
    before.only_changed(REFUSED_AFTER_SIGNATURE);
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_anything_is_read() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let before = Before::of(&deployment);
    let mut post = alice.post("/v1/ceremonies", &Plain::default());
    let mut sealed = sealed_of(&post.request);
    sealed.sealed = Base64Url(vec![0; MAX_HTTP_BODY_BYTES]);
    set_sealed(&mut post.request, &sealed);
    post.request.sign(&alice.session_key);
    assert_eq!(post.send(&deployment).await.problem(), ProblemCode::TooLarge);
    before.nothing_changed();
}
