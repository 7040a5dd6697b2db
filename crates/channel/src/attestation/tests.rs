//! Against a real AWS document (`fixtures/README.md` names its source). Hostile variants, which
//! need a key to sign with, are in the testkit crate.

use super::*;
use sha2::{Digest, Sha256};

const DOCUMENT: &[u8] = include_bytes!("../../fixtures/aws_attestation.cose");
/// The document's own time; its certificates lived three hours.
const ITS_TIME_UNIX_S: u64 = 1_736_179_625;

fn pcrs() -> PcrSet {
    document::Signed::parse(DOCUMENT).unwrap().document.pcrs
}

fn check(document: &[u8], root_der: &[u8], now_unix_s: u64) -> Result<Attested> {
    let policy = Policy {
        root_der,
        now_unix_s,
        max_age: Duration::from_secs(300),
        allowed_pcrs: &[pcrs()],
        nonce: ExpectedNonce::NotChecked,
    };
    verify(document, &policy)
}

#[test]
fn built_in_root_has_the_fingerprint_that_aws_publishes() {
    assert_eq!(
        hex::encode(Sha256::digest(AWS_ROOT_DER)),
        "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
    );
}

#[test]
fn a_real_document_verifies_at_its_time() {
    let attested = check(DOCUMENT, AWS_ROOT_DER, ITS_TIME_UNIX_S).unwrap();
    assert_eq!(attested.module_id, "i-0bee92034f3d60691-enc01943c5eaab3ad6a");
    assert_eq!(attested.timestamp_unix_ms / 1000, ITS_TIME_UNIX_S);
    assert!(attested.public_key.is_some() && attested.nonce.is_none());
}

#[test]
fn a_real_document_fails_before_and_after_its_time() {
    let late = check(DOCUMENT, AWS_ROOT_DER, ITS_TIME_UNIX_S + 4 * 3600);
    assert!(matches!(late, Err(Error::ChainExpired)), "{late:?}");
    let early = check(DOCUMENT, AWS_ROOT_DER, ITS_TIME_UNIX_S - 3600);
    assert!(matches!(early, Err(Error::ChainNotYetValid)), "{early:?}");
    let stale = check(DOCUMENT, AWS_ROOT_DER, ITS_TIME_UNIX_S + 301);
    assert!(matches!(stale, Err(Error::DocumentStale)), "{stale:?}");
}

#[test]
fn another_image_nonce_or_root_is_refused() {
    let policy = |allowed_pcrs, nonce| Policy {
        root_der: AWS_ROOT_DER,
        now_unix_s: ITS_TIME_UNIX_S,
        max_age: Duration::from_secs(300),
        allowed_pcrs,
        nonce,
    };
    let nobody = verify(DOCUMENT, &policy(&[], ExpectedNonce::NotChecked));
    assert!(matches!(nobody, Err(Error::PcrMismatch(_))));
    let allowed = [pcrs()];
    let other = verify(DOCUMENT, &policy(&allowed, ExpectedNonce::Exactly(b"mine")));
    assert!(matches!(other, Err(Error::WrongNonce)));
    let root = check(DOCUMENT, &AWS_ROOT_DER[1..], ITS_TIME_UNIX_S);
    assert!(matches!(root, Err(Error::WrongRoot)));
}

#[test]
fn no_flipped_byte_and_no_shortened_document_passes() {
    for i in 0..DOCUMENT.len() {
        // Every byte parses or fails; verifying each costs a second a hundred, so a sample of them.
        let mut bytes = DOCUMENT.to_vec();
        bytes[i] ^= 0x20;
        let parsed = document::Signed::parse(&bytes);
        if i % 37 == 0 && parsed.is_ok() {
            assert!(check(&bytes, AWS_ROOT_DER, ITS_TIME_UNIX_S).is_err(), "byte {i}");
        }
        assert!(document::Signed::parse(&DOCUMENT[..i]).is_err());
    }
    assert!(matches!(
        check(&vec![0; MAX_DOCUMENT_BYTES + 1], AWS_ROOT_DER, ITS_TIME_UNIX_S),
        Err(Error::DocumentTooLarge)
    ));
}

#[test]
fn an_unsigned_document_is_named_as_such() {
    // As QEMU's emulated device writes them: algorithm -1.
    let mut bytes = DOCUMENT.to_vec();
    assert_eq!(bytes[..6], [0x84, 0x44, 0xa1, 0x01, 0x38, 0x22]);
    bytes.splice(1..6, [0x43, 0xa1, 0x01, 0x20]);
    let unsigned = check(&bytes, AWS_ROOT_DER, ITS_TIME_UNIX_S);
    assert!(matches!(unsigned, Err(Error::DocumentUnsigned)), "{unsigned:?}");
    bytes[4] = 0x26; // ES256
    let other = check(&bytes, AWS_ROOT_DER, ITS_TIME_UNIX_S);
    assert!(matches!(other, Err(Error::DocumentAlgorithm)), "{other:?}");
}

#[test]
fn a_tagged_document_is_refused() {
    let tagged = [&[0xd2], DOCUMENT].concat();
    let refused = check(&tagged, AWS_ROOT_DER, ITS_TIME_UNIX_S);
    assert!(matches!(refused, Err(Error::DocumentMalformed(_))), "{refused:?}");
}
