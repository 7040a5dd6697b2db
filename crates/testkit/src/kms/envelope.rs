use super::answer::Refusal;
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How `CiphertextForRecipient` is encoded; both mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeForm {
    /// As AWS: BER, indefinite lengths, the content in chunks of octet strings.
    AwsBer,
    /// As emulators: DER.
    Der,
}

const CONTENT_KEY_BYTES: usize = 32;
/// AWS's chunks are larger than a data key; small ones make a reader meet several.
const CHUNK_BYTES: usize = 16;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0x80;
const CONTEXT_0_CONSTRUCTED: u8 = 0xa0;
const CONTEXT_1_CONSTRUCTED: u8 = 0xa1;

const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const RSAES_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];

/// CMS EnvelopedData (RFC 5652 section 6) for the holder of `public_key` (SubjectPublicKeyInfo,
/// DER): RSA-OAEP-SHA256 key transport, AES-256-CBC content.
pub(super) fn seal(
    form: EnvelopeForm,
    public_key: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let bad_key = |_| Refusal::Validation("The document's public key is no RSA key.");
    let rsa = PublicEncryptingKey::from_der(public_key).map_err(bad_key)?;
    let rsa = OaepPublicEncryptingKey::new(rsa).map_err(|_| Refusal::Internal)?;

    let mut content_key = Zeroizing::new([0; CONTENT_KEY_BYTES]);
    getrandom::fill(content_key.as_mut()).map_err(|_| Refusal::Internal)?;
    let mut encrypted_key = vec![0; rsa.ciphertext_size()];
    let encrypted_key = rsa
        .encrypt(&OAEP_SHA256_MGF1SHA256, content_key.as_ref(), &mut encrypted_key, None)
        .map_err(|_| Refusal::Internal)?;

    let cipher = UnboundCipherKey::new(&AES_256, content_key.as_ref())
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .map_err(|_| Refusal::Internal)?;
    let mut content = plaintext.to_vec();
    let context = cipher.encrypt(&mut content).map_err(|_| Refusal::Internal)?;
    let iv: &[u8] = match &context {
        DecryptionContext::Iv128(iv) => iv.as_ref(),
        _ => return Err(Refusal::Internal),
    };
    Ok(encode(form, &Sha256::digest(public_key), encrypted_key, iv, &content))
}

fn encode(
    form: EnvelopeForm,
    recipient_id: &[u8],
    encrypted_key: &[u8],
    iv: &[u8],
    content: &[u8],
) -> Vec<u8> {
    let sha_256 = || der(SEQUENCE, &[der(OID, &[SHA_256]), der::<&[u8]>(NULL, &[])]);
    let mask = der(SEQUENCE, &[der(OID, &[MGF1]), sha_256()]);
    let oaep = der(
        SEQUENCE,
        &[
            der(OID, &[RSAES_OAEP]),
            der(
                SEQUENCE,
                &[der(CONTEXT_0_CONSTRUCTED, &[sha_256()]), der(CONTEXT_1_CONSTRUCTED, &[mask])],
            ),
        ],
    );
    let version_2 = || der(INTEGER, &[[2]]);
    let recipient = der(
        SEQUENCE,
        &[version_2(), der(CONTEXT_0, &[recipient_id]), oaep, der(OCTET_STRING, &[encrypted_key])],
    );
    let aes = der(SEQUENCE, &[der(OID, &[AES_256_CBC]), der(OCTET_STRING, &[iv])]);
    let outer = match form {
        EnvelopeForm::AwsBer => indefinite,
        EnvelopeForm::Der => definite,
    };
    let content = match form {
        EnvelopeForm::AwsBer => {
            let chunks: Vec<_> =
                content.chunks(CHUNK_BYTES).map(|chunk| der(OCTET_STRING, &[chunk])).collect();
            indefinite(CONTEXT_0_CONSTRUCTED, &chunks)
        }
        EnvelopeForm::Der => der(CONTEXT_0, &[content]),
    };
    let content = outer(SEQUENCE, &[der(OID, &[DATA]), aes, content]);
    let enveloped = outer(SEQUENCE, &[version_2(), der(SET, &[recipient]), content]);
    outer(SEQUENCE, &[der(OID, &[ENVELOPED_DATA]), outer(CONTEXT_0_CONSTRUCTED, &[enveloped])])
}

fn definite(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    der(tag, parts)
}

/// One value with its length in front.
fn der<P: AsRef<[u8]>>(tag: u8, parts: &[P]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.as_ref().len()).sum();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        out.push(0x80 | significant.len() as u8);
        out.extend_from_slice(significant);
    }
    parts.iter().for_each(|part| out.extend_from_slice(part.as_ref()));
    out
}

/// One constructed value that ends with an end-of-contents mark.
fn indefinite(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![tag, 0x80];
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.extend_from_slice(&[0, 0]);
    out
}
