//! Encapsulation, HTTP signatures, attestation, receipts, sealed records, KMS envelopes.

use std::sync::LazyLock;
use std::time::Duration;

use rand_core::OsRng;
use sharekeep_channel::attestation::{self, AWS_ROOT_DER, ExpectedNonce, Policy, Statement};
use sharekeep_channel::encapsulation::{
    self, EnclaveKeyPair, RequestBinding, ResponseOpener, Sender, Suite,
};
use sharekeep_channel::receipt::{SignedReceipt, StatementKey};
use sharekeep_channel::record_seal::{
    DataKey, DataKeyId, RecordKind, RecordLocation, open_record, peek_record,
};
use sharekeep_channel::signature::{
    self, Freshness, KeyId, RequestParts, SessionSigningKey, SignatureHeaders,
};
use zeroize::Zeroizing;

static BINDING: LazyLock<RequestBinding<'_>> = LazyLock::new(|| RequestBinding {
    method: "POST",
    path: "/v1/wallets",
    session: KeyId::from_bytes([1; 32]),
    idempotency_key: "r1",
});

static ENCLAVE: LazyLock<EnclaveKeyPair> = LazyLock::new(|| EnclaveKeyPair::generate(&mut OsRng));

static OPENER: LazyLock<ResponseOpener> = LazyLock::new(|| {
    let sender = Sender::new(ENCLAVE.public_key(), Suite::default(), &BINDING, &mut OsRng);
    sender.and_then(|sender| sender.seal(b"request")).expect("a fresh key can be sealed to").1
});

/// A document at the time of the real one that is the seed.
pub(crate) fn attestation_document(bytes: &[u8]) {
    let policy = Policy {
        root_der: AWS_ROOT_DER,
        now_unix_s: 1_736_179_625,
        max_age: Duration::from_secs(300),
        allowed_pcrs: &[],
        nonce: ExpectedNonce::NotChecked,
    };
    assert!(attestation::verify(bytes, &policy).is_err(), "no image is allowed");
    let _ = Statement::from_user_data(bytes);
}

/// The envelope that KMS answers with.
pub(crate) fn cms(bytes: &[u8]) {
    if let Ok(envelope) = sharekeep_channel::cms::parse(bytes) {
        assert!(envelope.content.len().is_multiple_of(16));
    }
}

pub(crate) fn receipt(bytes: &[u8]) {
    let Ok(receipt) = SignedReceipt::from_bytes(bytes) else { return };
    assert_eq!(receipt.to_bytes(), bytes, "one receipt has one encoding");
    let key = StatementKey::from_sealing_bytes(&[9; 32]).expect("32 bytes are a key");
    let _ = receipt.verify(&key.public_key());
}

pub(crate) fn record(bytes: &[u8]) {
    let _ = peek_record(bytes);
    let key = DataKey::new(DataKeyId::from_bytes([1; 16]), Zeroizing::new([2; 32]));
    let place =
        RecordLocation { tenant: "shop", user: b"u1", record_id: "w2", kind: RecordKind::Wallet };
    assert!(open_record(&key, &place, bytes).is_err(), "the seed belongs to w1");
}

pub(crate) fn sealed_answer(bytes: &[u8]) {
    assert!(OPENER.open(bytes).is_err(), "nobody can guess a sealed answer");
}

pub(crate) fn sealed_request(bytes: &[u8]) {
    let mut sealed = bytes.to_vec();
    // With the right key id the fuzzer gets past the first check.
    if let Some(id) = sealed.get_mut(2..34) {
        id.copy_from_slice(ENCLAVE.id().as_bytes());
    }
    let _ = encapsulation::peek_key_id(&sealed);
    assert!(ENCLAVE.open(&BINDING, &sealed).is_err(), "nobody can guess a sealed request");
}

/// The three headers, divided by line breaks.
pub(crate) fn signature_headers(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let names = ["signature-input", "signature", "content-digest"];
    let headers = names.into_iter().zip(&mut lines);
    let Ok(headers) = SignatureHeaders::collect(headers) else { return };
    let _ = signature::peek_key_id(&headers);
    let key = SessionSigningKey::from_sealing_bytes(&[2; 33]).expect("32 bytes are a key");
    let parts = RequestParts {
        method: "POST",
        authority: "keys.example",
        path: "/v1/wallets",
        query: None,
        body: b"sealed",
    };
    let freshness = Freshness::default();
    let _ = signature::verify(&key.public_key(), &parts, &headers, 1_795_000_000, &freshness);
}
