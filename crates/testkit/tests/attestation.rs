//! Documents of the software NSM against the one verifier, honest and hostile.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall panic")]

use sharekeep_channel::Error;
use sharekeep_channel::attestation::{
    Attested, ExpectedNonce, PcrSet, Policy, Statement, TrustConfigHash, verify, verify_enclave,
};
use sharekeep_channel::encapsulation::EnclaveKeyPair;
use sharekeep_channel::receipt::StatementKey;
use sharekeep_testkit::{DocumentFlaw, LeafFlaw, Measurements, NsmLeaf, NsmRoot, SoftNsm};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PCRS: Measurements = [[1; 48], [2; 48], [3; 48]];
const MODULE: &str = "i-0test-enc1";
const NONCE: &[u8] = b"a challenge";

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn check(document: &[u8], root: &NsmRoot, nonce: &[u8]) -> Result<Attested, Error> {
    verify(
        document,
        &Policy {
            root_der: root.root_der(),
            now_unix_s: now_unix_s(),
            max_age: Duration::from_secs(300),
            allowed_pcrs: &[PCRS.into()],
            nonce: ExpectedNonce::Exactly(nonce),
        },
    )
}

fn attest(leaf: NsmLeaf) -> Vec<u8> {
    SoftNsm::new(leaf).attest(Some(b"data"), Some(NONCE), Some(b"key")).unwrap()
}

#[test]
fn an_honest_document_verifies() {
    let root = NsmRoot::ephemeral().unwrap();
    let document = attest(root.issue_leaf(MODULE, PCRS).unwrap());
    assert_eq!(document[..6], [0x84, 0x44, 0xa1, 0x01, 0x38, 0x22], "as AWS's begin");
    let attested = check(&document, &root, NONCE).unwrap();
    assert_eq!(attested.module_id, MODULE);
    assert_eq!(attested.pcrs, PCRS.into());
    assert_eq!(attested.user_data.as_deref(), Some(b"data".as_slice()));
    assert_eq!(attested.public_key.as_deref(), Some(b"key".as_slice()));
}

#[test]
fn each_flawed_document_is_refused_for_its_own_reason() {
    let root = NsmRoot::ephemeral().unwrap();
    let nsm = SoftNsm::new(root.issue_leaf(MODULE, PCRS).unwrap());
    let refusal = |flaw| {
        let document = nsm.attest_flawed(flaw, None, Some(NONCE), None).unwrap();
        check(&document, &root, NONCE).unwrap_err()
    };
    assert!(matches!(refusal(DocumentFlaw::Unsigned), Error::DocumentUnsigned));
    assert!(matches!(refusal(DocumentFlaw::Tampered), Error::DocumentSignature));
    assert!(matches!(refusal(DocumentFlaw::ForeignKey), Error::DocumentSignature));
    assert!(matches!(refusal(DocumentFlaw::Overlong), Error::DocumentTooLarge));
    assert!(matches!(refusal(DocumentFlaw::Stale), Error::DocumentStale));
    assert!(matches!(refusal(DocumentFlaw::FromFuture), Error::DocumentFromFuture));
    assert!(matches!(refusal(DocumentFlaw::OtherAlgorithm), Error::DocumentAlgorithm));
    let malformed = [
        (DocumentFlaw::Tagged, "cose_sign1"),
        (DocumentFlaw::Unprotected, "unprotected header"),
        (DocumentFlaw::MissingPcr, "pcrs"),
        (DocumentFlaw::RepeatedPcr, "pcrs"),
        (DocumentFlaw::RepeatedField, "payload"),
        (DocumentFlaw::Deep, "payload"),
    ];
    for (flaw, part) in malformed {
        let refused = refusal(flaw);
        assert!(
            matches!(refused, Error::DocumentMalformed(it) if it == part),
            "{flaw:?}: {refused:?}"
        );
    }
}

#[test]
fn each_flawed_chain_is_refused_for_its_own_reason() {
    let root = NsmRoot::ephemeral().unwrap();
    let refusal = |flaw| {
        let document = attest(root.issue_flawed_leaf(flaw, MODULE, PCRS).unwrap());
        check(&document, &root, NONCE).unwrap_err()
    };
    assert!(matches!(refusal(LeafFlaw::Expired), Error::ChainExpired));
    assert!(matches!(refusal(LeafFlaw::NotYetValid), Error::ChainNotYetValid));
    assert!(matches!(refusal(LeafFlaw::AuthorityExpired), Error::ChainExpired));
    let chain_invalid = |flaw| match refusal(flaw) {
        Error::ChainInvalid(why) => format!("{why:?}"),
        other => panic!("{flaw:?}: {other:?}"),
    };
    assert_eq!(chain_invalid(LeafFlaw::IssuedByLeaf), "EndEntityUsedAsCa");
    assert_eq!(chain_invalid(LeafFlaw::PathTooLong), "PathLenConstraintViolated");
    let other_root = NsmRoot::ephemeral().unwrap();
    let document = attest(other_root.issue_leaf(MODULE, PCRS).unwrap());
    assert!(matches!(check(&document, &root, NONCE), Err(Error::WrongRoot)));
}

#[test]
fn debug_mode_another_image_and_another_nonce_are_refused() {
    let root = NsmRoot::ephemeral().unwrap();
    let document = |pcrs| attest(root.issue_leaf(MODULE, pcrs).unwrap());
    let debug = check(&document([[0; 48]; 3]), &root, NONCE);
    assert!(matches!(debug, Err(Error::DebugEnclave)));
    let half_debug = check(&document([[1; 48], [2; 48], [0; 48]]), &root, NONCE);
    assert!(matches!(half_debug, Err(Error::DebugEnclave)));
    let another = [[1; 48], [2; 48], [4; 48]];
    let Err(Error::PcrMismatch(measured)) = check(&document(another), &root, NONCE) else {
        panic!("another image was accepted");
    };
    assert_eq!(*measured, PcrSet::from(another));
    let replayed = check(&document(PCRS), &root, b"another challenge");
    assert!(matches!(replayed, Err(Error::WrongNonce)));
}

#[test]
fn an_enclaves_keys_are_read_from_its_document_only_if_it_is_ours() {
    let root = NsmRoot::ephemeral().unwrap();
    let nsm = SoftNsm::new(root.issue_leaf(MODULE, PCRS).unwrap());
    let enclave = EnclaveKeyPair::generate(&mut rand_core::OsRng);
    let statement = Statement {
        trust_config_hash: TrustConfigHash::from_bytes([5; 32]),
        statement_key: StatementKey::generate(&mut rand_core::OsRng).public_key(),
    };
    let policy = Policy {
        root_der: root.root_der(),
        now_unix_s: now_unix_s(),
        max_age: Duration::from_secs(300),
        allowed_pcrs: &[PCRS.into()],
        nonce: ExpectedNonce::NotChecked,
    };
    let identity = |user_data: Option<&[u8]>, key: Option<&[u8]>| {
        verify_enclave(&nsm.attest(user_data, None, key).unwrap(), &policy)
    };
    let (data, key) = (statement.to_user_data(), enclave.public_key().as_bytes());
    let verified = identity(Some(&data), Some(key)).unwrap();
    assert_eq!(verified.enclave_key, *enclave.public_key());
    assert_eq!(verified.statement_key, statement.statement_key);
    assert_eq!(verified.trust_config_hash, statement.trust_config_hash);
    assert!(matches!(identity(None, Some(key)), Err(Error::StatementMalformed)));
    assert!(matches!(identity(Some(b"x"), Some(key)), Err(Error::StatementMalformed)));
    assert!(matches!(identity(Some(&data), None), Err(Error::PublicKeyMalformed)));
    assert!(matches!(identity(Some(&data), Some(&[0; 32])), Err(Error::PublicKeyMalformed)));
}

#[test]
fn a_leaf_and_a_root_come_back_from_their_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let root = NsmRoot::load_or_create(directory.path()).unwrap();
    let again = NsmRoot::load_or_create(directory.path()).unwrap();
    assert_eq!(root.root_der(), again.root_der());
    let bytes = again.issue_leaf(MODULE, PCRS).unwrap().to_bytes();
    let document = attest(NsmLeaf::from_bytes(&bytes).unwrap());
    check(&document, &root, NONCE).unwrap();
    assert!(NsmLeaf::from_bytes(&bytes[..bytes.len() - 1]).is_err());
}

#[test]
fn the_device_has_the_real_ones_limits() {
    let root = NsmRoot::ephemeral().unwrap();
    let nsm = SoftNsm::new(root.issue_leaf(MODULE, PCRS).unwrap());
    assert!(nsm.attest(Some(&[0; 513]), None, None).is_err());
    assert!(nsm.attest(None, Some(&[0; 513]), None).is_err());
    assert!(nsm.attest(None, None, Some(&[0; 1025])).is_err());
    let largest = nsm.attest(Some(&[0; 512]), Some(&[0; 512]), Some(&[0; 1024])).unwrap();
    check(&largest, &root, &[0; 512]).unwrap();
    assert_eq!(nsm.describe_pcr(1), Some([2; 48]));
    assert_eq!((nsm.describe_pcr(31), nsm.describe_pcr(32)), (Some([0; 48]), None));
    assert_ne!(nsm.random().unwrap(), nsm.random().unwrap());
}
