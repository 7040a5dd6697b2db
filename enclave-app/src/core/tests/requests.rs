use super::client::with_enclave_key;
use super::world::{NOW, ORIGIN};
use super::{Client, World};
use serde_bytes::ByteBuf;
use sharekeep_schemas::ProblemCode::{self, *};
use sharekeep_schemas::enclave::{Call, HttpRequest, Reply};
use sharekeep_schemas::http::{Base64Url, SealedRequest};
use sharekeep_schemas::sealed::{Plain, SessionRenewed};
use sharekeep_schemas::{DeviceId, EnclaveKeyId, codec};

struct Scene {
    world: World,
    client: Client,
    path: String,
}

impl Scene {
    fn new() -> Self {
        let (world, client) = (World::new(), Client::new("shop", "alice"));
        client.login(&world);
        let path = format!("/v1/sessions/{}/renew", client.id());
        Self { world, client, path }
    }

    fn request(&self) -> HttpRequest {
        self.client.request(&self.world, &self.path, &Plain::default())
    }

    #[track_caller]
    fn refused(&self, code: ProblemCode, change: impl FnOnce(&mut HttpRequest)) {
        let mut http = self.request();
        change(&mut http);
        self.world.refuses(&http, code);
    }
}

#[test]
fn an_unsigned_request_is_refused() {
    let scene = Scene::new();
    scene.refused(SignatureMissing, |http| http.signature = None);
    scene.refused(SignatureMissing, |http| http.signature_input = None);
}

#[test]
fn a_signature_that_covers_less_is_refused() {
    let scene = Scene::new();
    scene.refused(SignatureInvalid, |http| {
        let input = http.signature_input.as_mut().unwrap();
        *input = input.replace("\"content-digest\"", "");
    });
    scene.refused(SignatureInvalid, |http| http.content_digest = None);
    scene.refused(SignatureInvalid, |http| http.signature_input = Some("garbage".into()));
}

#[test]
fn a_replayed_request_is_refused() {
    let scene = Scene::new();
    let http = scene.request();
    scene.world.serve(&http).unwrap();
    scene.world.refuses(&http, SignatureReplayed);
}

#[test]
fn a_request_that_only_needed_records_is_no_replay() {
    let scene = Scene::new();
    let call = Call { version: 1, http: scene.request(), records: vec![] };
    for _ in 0..3 {
        assert!(matches!(scene.world.reply(&call), Reply::Need { .. }));
    }
    assert!(scene.world.serve(&call.http).is_ok());
}

#[test]
fn a_refused_request_counts_as_seen() {
    let scene = Scene::new();
    let sealed = scene.client.seal(&scene.world, &scene.path, &"not a payload").0;
    let http = scene.client.sign(&scene.world, &sealed);
    scene.world.refuses(&http, MalformedRequest);
    scene.world.refuses(&http, SignatureReplayed);
}

#[test]
fn a_stale_request_is_refused() {
    let scene = Scene::new();
    let sealed = scene.client.seal(&scene.world, &scene.path, &Plain::default()).0;
    for created in [NOW - 121, NOW + 61] {
        let http = scene.client.sign_as(&scene.client.key, created, &sealed);
        scene.world.refuses(&http, SignatureStale);
    }
}

#[test]
fn a_captured_request_is_worthless_once_its_nonce_is_forgotten() {
    let scene = Scene::new();
    let http = scene.request();
    scene.world.serve(&http).unwrap();
    for _ in 0..200 {
        scene.world.pass(1);
        let refused = scene.world.ask(&http).unwrap_err().code;
        assert!(matches!(refused, SignatureReplayed | SignatureStale));
    }
}

#[test]
fn a_swapped_body_is_refused() {
    let scene = Scene::new();
    let other = scene.request();
    scene.refused(SignatureInvalid, |http| http.body = other.body.clone());
    scene.refused(SignatureInvalid, |http| {
        http.body = other.body.clone();
        http.content_digest = other.content_digest.clone();
    });
}

#[test]
fn a_swapped_path_is_refused() {
    let scene = Scene::new();
    let path = scene.path.replace("renew", "revoke");
    scene.refused(SignatureInvalid, |http| http.path = path.clone());
    scene.refused(SignatureInvalid, |http| http.query = Some("x=1".into()));
    scene.refused(NotFound, |http| http.path = "/v1/nothing".into());
    scene.refused(MethodNotAllowed, |http| http.method = "PUT".into());
}

#[test]
fn a_sealed_body_cannot_be_posted_to_another_path_under_a_good_signature() {
    let scene = Scene::new();
    let mut sealed = scene.client.seal(&scene.world, &scene.path, &Plain::default()).0;
    sealed.path = scene.path.replace("renew", "revoke");
    scene.world.refuses(&scene.client.sign(&scene.world, &sealed), SealedInvalid);
}

#[test]
fn a_sealed_body_cannot_be_posted_under_another_idempotency_key() {
    let scene = Scene::new();
    scene.refused(SealedInvalid, |http| {
        http.idempotency_key = Some("another-key-of-16".parse().unwrap());
    });
    scene.refused(IdempotencyKeyMissing, |http| http.idempotency_key = None);
}

#[test]
fn a_sealed_body_cannot_be_posted_under_another_session() {
    let (world, alice) = (World::new(), Client::new("shop", "alice"));
    alice.login(&world);
    let again = alice.again();
    again.login(&world);
    let mallory = Client::new("shop", "mallory");
    mallory.login(&world);
    // The function that carries alice's request signs it anew, path and idempotency key unchanged,
    // under a session of its own: it would be done, and answered, in that session's name.
    let wallet = DeviceId::new([7; 16]);
    for path in ["/v1/wallets".to_owned(), format!("/v1/wallets/{wallet}/archive")] {
        let sealed = alice.seal(&world, &path, &Plain::default()).0;
        world.refuses(&mallory.sign(&world, &sealed), SealedInvalid);
        // Nor does one of alice's sessions do what another one asked for.
        world.refuses(&again.sign(&world, &sealed), SealedInvalid);
    }
    // What mallory may send herself is not the reason.
    let path = format!("/v1/sessions/{}/renew", mallory.id());
    let stolen = alice.seal(&world, &path, &Plain::default()).0;
    world.refuses(&mallory.sign(&world, &stolen), SealedInvalid);
    assert!(mallory.plain::<SessionRenewed>(&world, &path).is_ok());
}

#[test]
fn a_swapped_authority_is_refused() {
    let scene = Scene::new();
    scene.refused(SignatureInvalid, |http| http.authority = "other.example.com".into());
}

#[test]
fn a_request_signed_for_another_host_is_refused() {
    let scene = Scene::new();
    let mut document = scene.world.document("shop");
    document.serial = 2;
    document.origins = vec!["new.example.com".into()];
    scene.world.put_tenant(&document);
    assert_ne!(document.origins, [ORIGIN]);
    scene.world.refuses(&scene.request(), AuthorityMismatch);
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let scene = Scene::new();
    let stranger = Client::new("shop", "mallory");
    let sealed = scene.client.seal(&scene.world, &scene.path, &Plain::default()).0;
    // Under its own name it has no session; under the client's name it does not verify.
    let http = stranger.sign(&scene.world, &sealed);
    scene.world.refuses(&http, SessionUnknown);
    let mut http = http;
    http.signature_input = scene.request().signature_input;
    scene.world.refuses(&http, SignatureInvalid);
}

#[test]
fn a_body_sealed_to_an_old_enclave_key_is_refused() {
    let mut scene = Scene::new();
    let sealed = scene.client.seal(&scene.world, &scene.path, &Plain::default()).0;
    scene.world.restart();
    scene.world.refuses(&scene.client.sign(&scene.world, &sealed), EnclaveKeyUnknown);
    // A function that relabels it gains nothing: the label is inside, too.
    let relabelled = with_enclave_key(&sealed, scene.world.core.enclave_key());
    let http = scene.client.sign(&scene.world, &relabelled);
    scene.world.refuses(&http, EnclaveKeyUnknown);
    let unknown = with_enclave_key(&sealed, EnclaveKeyId::new([9; 32]));
    scene.world.refuses(&scene.client.sign(&scene.world, &unknown), EnclaveKeyUnknown);
    // The session itself outlives the enclave.
    assert!(scene.client.plain::<SessionRenewed>(&scene.world, &scene.path).is_ok());
}

#[test]
fn garbage_is_refused_wherever_it_stands() {
    let scene = Scene::new();
    let bodies: [Vec<u8>; 6] = [
        vec![],
        b"{}".to_vec(),
        vec![0xff; 100],
        b"[[[[[[[[[[".to_vec(),
        br#"{"enclave_key":"AAAA","sealed":"AAAA"}"#.to_vec(),
        format!(r#"{{"enclave_key":"{}","sealed":"","more":1}}"#, scene.world.core.enclave_key())
            .into_bytes(),
    ];
    for body in bodies {
        let mut sealed = scene.client.seal(&scene.world, &scene.path, &Plain::default()).0;
        sealed.body = body;
        scene.world.refuses(&scene.client.sign(&scene.world, &sealed), MalformedRequest);
    }
    let too_short = SealedRequest {
        enclave_key: scene.world.core.enclave_key(),
        sealed: Base64Url(vec![1, 2, 3]),
    };
    let mut sealed = scene.client.seal(&scene.world, &scene.path, &Plain::default()).0;
    sealed.body = serde_json::to_vec(&too_short).unwrap();
    scene.world.refuses(&scene.client.sign(&scene.world, &sealed), SealedInvalid);
}

#[test]
fn garbage_cbor_inside_the_seal_is_refused() {
    let scene = Scene::new();
    let nested =
        (0..200).fold(ciborium::Value::Null, |inner, _| ciborium::Value::Array(vec![inner]));
    for payload in [
        ciborium::Value::Null,
        ciborium::Value::Text("x".repeat(1000)),
        nested,
        ciborium::Value::Map(vec![("version".into(), 1.into()), ("more".into(), 1.into())]),
    ] {
        let http = scene.client.request(&scene.world, &scene.path, &payload);
        scene.world.refuses(&http, MalformedRequest);
    }
    let http = scene.client.request(&scene.world, &scene.path, &Plain { version: 2 });
    scene.world.refuses(&http, UnsupportedVersion);
}

#[test]
fn an_oversized_body_is_refused_before_it_is_parsed() {
    let scene = Scene::new();
    let big = vec![b' '; sharekeep_schemas::limits::MAX_HTTP_BODY_BYTES + 1];
    scene.refused(TooLarge, |http| http.body = ByteBuf::from(big));
    let sealed = SealedRequest {
        enclave_key: scene.world.core.enclave_key(),
        sealed: Base64Url(vec![0; sharekeep_schemas::limits::MAX_SEALED_BYTES + 1]),
    };
    let mut request = scene.client.seal(&scene.world, &scene.path, &Plain::default()).0;
    request.body = serde_json::to_vec(&sealed).unwrap();
    scene.world.refuses(&scene.client.sign(&scene.world, &request), TooLarge);
}

#[test]
fn an_attestation_answers_the_nonce_and_names_the_keys() {
    let world = World::new();
    let http = |query: Option<String>| HttpRequest {
        method: "GET".into(),
        authority: ORIGIN.into(),
        path: "/v1/attestation".into(),
        query,
        signature_input: None,
        signature: None,
        content_digest: None,
        idempotency_key: None,
        body: ByteBuf::new(),
    };
    let nonce = sharekeep_schemas::SessionKeyId::new([7; 32]);
    let body = world.serve(&http(Some(format!("nonce={nonce}")))).unwrap();
    let answer: sharekeep_schemas::http::AttestationAnswer = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer.enclave_key, world.core.enclave_key());
    let parts: ciborium::Value = codec::decode(&answer.document.0, 16_384).unwrap();
    let payload = parts.as_array().unwrap()[2].as_bytes().unwrap().clone();
    let payload: ciborium::Value = codec::decode(&payload, 16_384).unwrap();
    let field = |name: &str| {
        let (_, value) =
            payload.as_map().unwrap().iter().find(|(n, _)| n.as_text() == Some(name)).unwrap();
        value.as_bytes().unwrap().clone()
    };
    assert_eq!(field("nonce"), [7; 32]);
    assert_eq!(field("public_key"), world.core.key_pair.public_key().as_bytes());
    let statement =
        sharekeep_channel::attestation::Statement::from_user_data(&field("user_data")).unwrap();
    assert_eq!(statement.trust_config_hash.as_bytes(), world.core.trust.hash());

    for odd in [None, Some("nonce=".into()), Some("nonce=AAAA".into()), Some("x".into())] {
        world.refuses(&http(odd), MalformedRequest);
    }
    // A clock that runs away from the NSM's ends the enclave's answers.
    world.now.set(NOW + 61);
    world.refuses(&http(Some(format!("nonce={nonce}"))), EnclaveUnavailable);
}
