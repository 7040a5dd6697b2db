//! The software KMS over its protocol: who gets a data key, and who does not.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall panic")]

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sharekeep_channel::cms::{self, RecipientKey};
use sharekeep_testkit::{
    DocumentFlaw, EnvelopeForm, KmsFault, Measurements, NsmRoot, SoftKms, SoftKmsSettings, SoftNsm,
    kms_router,
};
use std::sync::Arc;
use tower::ServiceExt;
use zeroize::Zeroizing;

const ARN: &str = "arn:aws:kms:eu-central-1:000000000000:key/0f1e2d3c";
const PCRS: Measurements = [[1; 48], [2; 48], [3; 48]];

struct World {
    kms: Arc<SoftKms>,
    root: NsmRoot,
    nsm: SoftNsm,
    recipient: RecipientKey,
}

impl World {
    fn new() -> Self {
        let root = NsmRoot::ephemeral().unwrap();
        Self {
            kms: Arc::new(SoftKms::new(SoftKmsSettings {
                key_arn: ARN.to_owned(),
                master_key: Zeroizing::new([7; 32]),
                nsm_root_der: root.root_der().to_vec(),
                allowed_pcrs: vec![PCRS],
            })),
            nsm: SoftNsm::new(root.issue_leaf("i-0test-enc1", PCRS).unwrap()),
            root,
            recipient: RecipientKey::generate().unwrap(),
        }
    }

    async fn call(&self, operation: &str, body: &Value) -> Value {
        let request = Request::post("/")
            .header("x-amz-target", format!("TrentService.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = kms_router(Arc::clone(&self.kms)).oneshot(request).await.unwrap();
        let ok = response.status().is_success();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(ok, answer.get("__type").is_none());
        answer
    }

    fn document(&self) -> Vec<u8> {
        self.nsm.attest(None, None, Some(self.recipient.public_key_der())).unwrap()
    }

    fn generate(&self) -> Value {
        json!({
            "KeyId": ARN,
            "KeySpec": "AES_256",
            "EncryptionContext": {
                "service": "sharekeep", "deployment": "test", "tenant": "shop", "purpose": "records",
            },
            "Recipient": recipient(&self.document()),
        })
    }

    fn decrypt(&self, blob: &Value) -> Value {
        let mut request = self.generate();
        request["CiphertextBlob"] = blob.clone();
        request.as_object_mut().unwrap().remove("KeySpec");
        request
    }

    fn open(&self, answer: &Value) -> Vec<u8> {
        assert!(answer.get("Plaintext").is_none());
        assert_eq!(answer["KeyId"], ARN);
        self.recipient.open(&unbase64(&answer["CiphertextForRecipient"])).unwrap().to_vec()
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn unbase64(text: &Value) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
}

fn recipient(document: &[u8]) -> Value {
    json!({
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
        "AttestationDocument": base64(document),
    })
}

#[tokio::test]
async fn an_attested_image_gets_a_data_key_and_gets_it_again() {
    let world = World::new();
    for form in [EnvelopeForm::AwsBer, EnvelopeForm::Der] {
        world.kms.set_envelope(form);
        let made = world.call("GenerateDataKey", &world.generate()).await;
        let data_key = world.open(&made);
        assert_eq!(data_key.len(), 32);
        let opened = world.call("Decrypt", &world.decrypt(&made["CiphertextBlob"])).await;
        assert_eq!(world.open(&opened), data_key);
        let context = [
            ("service", "sharekeep"),
            ("deployment", "test"),
            ("tenant", "shop"),
            ("purpose", "records"),
        ];
        let context = context.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let blob = unbase64(&made["CiphertextBlob"]);
        assert_eq!(world.kms.open_offline(&blob, &context).unwrap().as_slice(), data_key);
    }
    assert_eq!(world.kms.calls(), 4);
}

#[tokio::test]
async fn nobody_gets_a_plaintext_key_or_any_key_without_attestation() {
    let world = World::new();
    let mut request = world.generate();
    request.as_object_mut().unwrap().remove("Recipient");
    let refused = world.call("GenerateDataKey", &request).await;
    assert_eq!(refused["__type"], "AccessDeniedException");
    for flaw in [DocumentFlaw::Unsigned, DocumentFlaw::Tampered, DocumentFlaw::Stale] {
        let key = world.recipient.public_key_der();
        let document = world.nsm.attest_flawed(flaw, None, None, Some(key)).unwrap();
        let mut request = world.generate();
        request["Recipient"] = recipient(&document);
        let refused = world.call("GenerateDataKey", &request).await;
        assert_eq!(refused["__type"], "ValidationException", "{flaw:?}");
    }
    let mut request = world.generate();
    request["Recipient"]["AttestationDocument"] = json!(base64(b"garbage"));
    let refused = world.call("GenerateDataKey", &request).await;
    assert_eq!(refused["__type"], "ValidationException");
}

#[tokio::test]
async fn another_image_gets_no_key() {
    let world = World::new();
    let made = world.call("GenerateDataKey", &world.generate()).await;
    for pcrs in [[[0; 48]; 3], [[1; 48], [2; 48], [9; 48]]] {
        let other = SoftNsm::new(world.root.issue_leaf("i-0test-enc2", pcrs).unwrap());
        let key = world.recipient.public_key_der();
        let mut request = world.decrypt(&made["CiphertextBlob"]);
        request["Recipient"] = recipient(&other.attest(None, None, Some(key)).unwrap());
        let refused = world.call("Decrypt", &request).await;
        assert_eq!(refused["__type"], "AccessDeniedException");
    }
    world.kms.set_allowed_pcrs(vec![]);
    let refused = world.call("Decrypt", &world.decrypt(&made["CiphertextBlob"])).await;
    assert_eq!(refused["__type"], "AccessDeniedException");
}

#[tokio::test]
async fn a_data_key_of_one_tenant_does_not_open_for_another() {
    let world = World::new();
    let made = world.call("GenerateDataKey", &world.generate()).await;
    let mut request = world.decrypt(&made["CiphertextBlob"]);
    request["EncryptionContext"]["tenant"] = json!("other");
    let refused = world.call("Decrypt", &request).await;
    assert_eq!(refused["__type"], "InvalidCiphertextException");
    for context in [json!({ "tenant": "shop" }), json!({})] {
        request["EncryptionContext"] = context;
        let refused = world.call("Decrypt", &request).await;
        assert_eq!(refused["__type"], "AccessDeniedException");
    }
}

#[tokio::test]
async fn changed_ciphertexts_and_other_keys_are_refused() {
    let world = World::new();
    let made = world.call("GenerateDataKey", &world.generate()).await;
    let blob = unbase64(&made["CiphertextBlob"]);
    for at in [0, 20, blob.len() - 1] {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        let refused = world.call("Decrypt", &world.decrypt(&json!(base64(&changed)))).await;
        assert_eq!(refused["__type"], "InvalidCiphertextException");
    }
    let mut changed = blob.clone();
    changed[1] ^= 1;
    let refused = world.call("Decrypt", &world.decrypt(&json!(base64(&changed)))).await;
    assert_eq!(refused["__type"], "IncorrectKeyException");
    let mut request = world.decrypt(&made["CiphertextBlob"]);
    request["KeyId"] = json!("another");
    assert_eq!(world.call("Decrypt", &request).await["__type"], "IncorrectKeyException");
    let mut request = world.generate();
    request["KeyId"] = json!("alias/another");
    assert_eq!(world.call("GenerateDataKey", &request).await["__type"], "NotFoundException");
}

#[tokio::test]
async fn operations_outside_the_key_policy_are_denied() {
    let world = World::new();
    let operations = [
        "Encrypt",
        "ReEncrypt",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair",
        "CreateGrant",
        "PutKeyPolicy",
        "ScheduleKeyDeletion",
    ];
    for operation in operations {
        let refused = world.call(operation, &world.generate()).await;
        assert_eq!(refused["__type"], "AccessDeniedException", "{operation}");
    }
    let described = world.call("DescribeKey", &json!({ "KeyId": "0f1e2d3c" })).await;
    assert_eq!(described["KeyMetadata"]["Arn"], ARN);
    let refused = world.call("Decrypt", &json!({ "Unknown": 1 })).await;
    assert_eq!(refused["__type"], "SerializationException");
}

#[tokio::test]
async fn faults_can_be_switched_on_and_off() {
    let world = World::new();
    let faults = [
        (KmsFault::Throttled, "ThrottlingException"),
        (KmsFault::KeyDisabled, "KMSInvalidStateException"),
        (KmsFault::Denied, "AccessDeniedException"),
        (KmsFault::Internal, "KMSInternalException"),
    ];
    for (fault, name) in faults {
        world.kms.set_fault(Some(fault));
        let refused = world.call("GenerateDataKey", &world.generate()).await;
        assert_eq!(refused["__type"], name);
    }
    world.kms.set_fault(Some(KmsFault::LeaksPlaintext));
    let leaked = world.call("GenerateDataKey", &world.generate()).await;
    assert!(leaked["Plaintext"].is_string());
    world.kms.set_fault(Some(KmsFault::ForeignKeyArn));
    let foreign = world.call("GenerateDataKey", &world.generate()).await;
    assert_ne!(foreign["KeyId"], ARN);
    world.kms.set_fault(None);
    let made = world.call("GenerateDataKey", &world.generate()).await;
    assert_eq!(world.open(&made).len(), 32);
}

#[tokio::test]
async fn an_envelope_for_another_recipient_or_with_a_changed_key_does_not_open() {
    let world = World::new();
    let made = world.call("GenerateDataKey", &world.generate()).await;
    let envelope = unbase64(&made["CiphertextForRecipient"]);
    assert!(RecipientKey::generate().unwrap().open(&envelope).is_err());

    let key = cms::parse(&envelope).unwrap().encrypted_key;
    let at = envelope.windows(key.len()).position(|window| window == key).unwrap();
    for byte in [at, at + key.len() / 2, at + key.len() - 1] {
        let mut changed = envelope.clone();
        changed[byte] ^= 1;
        assert!(world.recipient.open(&changed).is_err());
    }
}
