use super::answer::Refusal;
use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
/// The front of SHA-256 of the ARN: enough to tell a blob of another key from a changed one.
const KEY_HASH_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + KEY_HASH_BYTES + NONCE_LEN;

fn key_hash(key_arn: &str) -> [u8; KEY_HASH_BYTES] {
    let mut out = [0; KEY_HASH_BYTES];
    out.copy_from_slice(&Sha256::digest(key_arn.as_bytes())[..KEY_HASH_BYTES]);
    out
}

/// Key ARN and encryption context, each string with its length so that none runs into the next.
fn aad(key_arn: &str, context: &BTreeMap<String, String>) -> Aad<Vec<u8>> {
    let mut out = Vec::new();
    let entries = context.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    for text in std::iter::once(key_arn).chain(entries) {
        out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    Aad::from(out)
}

/// `version 1 | key hash 16 | nonce 12 | AES-256-GCM ciphertext`
pub(super) fn seal(
    master: &RandomizedNonceKey,
    key_arn: &str,
    context: &BTreeMap<String, String>,
    data_key: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let mut ciphertext = data_key.to_vec();
    let nonce = master
        .seal_in_place_append_tag(aad(key_arn, context), &mut ciphertext)
        .map_err(|_| Refusal::Internal)?;
    Ok([&[VERSION], &key_hash(key_arn)[..], nonce.as_ref(), &ciphertext].concat())
}

pub(super) fn open(
    master: &RandomizedNonceKey,
    key_arn: &str,
    context: &BTreeMap<String, String>,
    blob: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let (header, ciphertext) =
        blob.split_first_chunk::<HEADER_BYTES>().ok_or(Refusal::InvalidCiphertext)?;
    if header[0] != VERSION {
        return Err(Refusal::InvalidCiphertext);
    }
    let (hash, nonce) = header[1..].split_at(KEY_HASH_BYTES);
    if hash != key_hash(key_arn) {
        return Err(Refusal::IncorrectKey);
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Refusal::InvalidCiphertext)?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = master
        .open_in_place(nonce, aad(key_arn, context), &mut buffer)
        .map_err(|_| Refusal::InvalidCiphertext)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}
