use super::MAX_ENVELOPE_BYTES;
use super::ber::Node;
use crate::{Error, Result};

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`, primitive; with the constructed bit, `0xa0`
const CONTEXT_0: u8 = 0x80;
const CONTEXT_0_CONSTRUCTED: u8 = 0xa0;
const CONTEXT_1_CONSTRUCTED: u8 = 0xa1;

/// 1.2.840.113549.1.7.3
const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
/// 1.2.840.113549.1.7.1
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// 1.2.840.113549.1.1.7
const RSAES_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
/// 1.2.840.113549.1.1.8
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
/// 2.16.840.1.101.3.4.2.1
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 2.16.840.1.101.3.4.1.42
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];

const IV_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;
/// RSA-4096
const MAX_ENCRYPTED_KEY_BYTES: usize = 512;

/// The encrypted parts of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The content key under RSA-OAEP with SHA-256.
    pub encrypted_key: Vec<u8>,
    /// The initialisation vector of AES-256-CBC.
    pub iv: [u8; IV_BYTES],
    /// The content under AES-256-CBC with PKCS #7 padding.
    pub content: Vec<u8>,
}

/// Reads an envelope for one recipient, BER or DER.
///
/// # Errors
/// [`Error::CmsMalformed`] with the part that is missing, too long, or of another algorithm.
pub fn parse(blob: &[u8]) -> Result<Envelope> {
    if blob.len() > MAX_ENVELOPE_BYTES {
        return Err(Error::CmsMalformed("length"));
    }
    let root = Node::parse(blob)?;
    let enveloped = content_info(&root).ok_or(Error::CmsMalformed("content info"))?;
    // version, recipients, encrypted content; KMS sends neither originator nor attributes.
    let [version, recipients, content] = enveloped else {
        return Err(Error::CmsMalformed("enveloped data"));
    };
    version.primitive(INTEGER).ok_or(Error::CmsMalformed("version"))?;
    let encrypted_key = recipient(recipients).ok_or(Error::CmsMalformed("recipient"))?;
    let (iv, content) = encrypted(content).ok_or(Error::CmsMalformed("encrypted content"))?;
    Ok(Envelope { encrypted_key, iv, content })
}

/// `ContentInfo ::= SEQUENCE { contentType, [0] EXPLICIT EnvelopedData }`
fn content_info<'n, 'a>(root: &'n Node<'a>) -> Option<&'n [Node<'a>]> {
    let [content_type, content] = root.children(SEQUENCE)? else { return None };
    if content_type.primitive(OID)? != ENVELOPED_DATA {
        return None;
    }
    let [enveloped] = content.children(CONTEXT_0_CONSTRUCTED)? else { return None };
    enveloped.children(SEQUENCE)
}

/// `SET OF KeyTransRecipientInfo ::= SEQUENCE { version, rid, keyEncryptionAlgorithm, encryptedKey }`
fn recipient(recipients: &Node<'_>) -> Option<Vec<u8>> {
    let [recipient] = recipients.children(SET)? else { return None };
    let [version, _rid, algorithm, key] = recipient.children(SEQUENCE)? else { return None };
    version.primitive(INTEGER)?;
    let [oid, parameters] = algorithm.children(SEQUENCE)? else { return None };
    if oid.primitive(OID)? != RSAES_OAEP {
        return None;
    }
    oaep_with_sha_256(parameters)?;
    key.string(OCTET_STRING).filter(|key| !key.is_empty() && key.len() <= MAX_ENCRYPTED_KEY_BYTES)
}

/// `RSAES-OAEP-params` (RFC 4055 section 4.1). Absent members would mean SHA-1.
fn oaep_with_sha_256(parameters: &Node<'_>) -> Option<()> {
    let [hash, mask, ..] = parameters.children(SEQUENCE)? else { return None };
    let [hash] = hash.children(CONTEXT_0_CONSTRUCTED)? else { return None };
    let [mask] = mask.children(CONTEXT_1_CONSTRUCTED)? else { return None };
    let [mgf, mgf_hash] = mask.children(SEQUENCE)? else { return None };
    (is_sha_256(hash)? && mgf.primitive(OID)? == MGF1 && is_sha_256(mgf_hash)?).then_some(())
}

fn is_sha_256(algorithm: &Node<'_>) -> Option<bool> {
    Some(algorithm.children(SEQUENCE)?.first()?.primitive(OID)? == SHA_256)
}

/// `EncryptedContentInfo ::= SEQUENCE { contentType, algorithm, [0] IMPLICIT OCTET STRING }`
fn encrypted(content: &Node<'_>) -> Option<([u8; IV_BYTES], Vec<u8>)> {
    let [content_type, algorithm, content] = content.children(SEQUENCE)? else { return None };
    let [oid, iv] = algorithm.children(SEQUENCE)? else { return None };
    if content_type.primitive(OID)? != DATA || oid.primitive(OID)? != AES_256_CBC {
        return None;
    }
    let content = content.string(CONTEXT_0)?;
    let whole_blocks = !content.is_empty() && content.len().is_multiple_of(BLOCK_BYTES);
    whole_blocks.then_some((iv.string(OCTET_STRING)?.try_into().ok()?, content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use proptest::prelude::*;

    fn from_aws() -> Vec<u8> {
        let text = include_str!("../../fixtures/aws_kms_envelope.b64").trim();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// Its private key is unknown, so this checks the structure only.
    #[test]
    fn an_envelope_from_aws_is_read() {
        let blob = from_aws();
        assert_eq!(blob[..2], [0x30, 0x80], "indefinite length");
        let envelope = parse(&blob).unwrap();
        assert_eq!((envelope.encrypted_key.len(), envelope.content.len()), (256, 16));
        assert_eq!(hex::encode(envelope.iv), "37343df1470df625eeb6f4bfd2f1acc3");
    }

    #[test]
    fn shortened_lengthened_or_overlong_envelopes_are_refused() {
        let blob = from_aws();
        for length in 0..blob.len() {
            assert!(parse(&blob[..length]).is_err());
        }
        assert!(parse(&[&blob[..], &[0]].concat()).is_err());
        assert!(parse(&vec![0x30; MAX_ENVELOPE_BYTES + 1]).is_err());
    }

    #[test]
    fn another_hash_or_cipher_is_refused() {
        let blob = from_aws();
        for oid in [SHA_256, RSAES_OAEP, MGF1, AES_256_CBC, DATA, ENVELOPED_DATA] {
            let at = blob.windows(oid.len()).position(|window| window == oid).unwrap();
            let mut changed = blob.clone();
            changed[at + oid.len() - 1] ^= 0x40;
            assert!(parse(&changed).is_err());
        }
    }

    proptest! {
        #[test]
        fn changed_envelopes_never_panic(at in 0usize..500, byte: u8) {
            let mut blob = from_aws();
            let at = at % blob.len();
            blob[at] = byte;
            let _ = parse(&blob);
        }
    }
}
