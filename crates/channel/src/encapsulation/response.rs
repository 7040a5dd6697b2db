use super::{KEY_BYTES, MAX_SEALED_BYTES, Suite, VERSION, padding};
use crate::{Error, Result};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use rand_core::CryptoRngCore;
use sha2::Sha256;
use zeroize::Zeroizing;

const AAD: &[u8] = b"sharekeep/response/v1";
/// max(Nn, Nk) of both suites (RFC 9458 section 4.4)
const NONCE_BYTES: usize = 32;
const AEAD_NONCE_BYTES: usize = 12;

struct Exchange {
    suite: Suite,
    enc: [u8; KEY_BYTES],
    secret: Zeroizing<[u8; 32]>,
}

/// Key and nonce of one answer: RFC 9458 section 4.4, from `salt = concat(enc, response_nonce)` on.
fn derive<const NK: usize>(
    secret: &[u8],
    enc: &[u8; KEY_BYTES],
    response_nonce: &[u8],
) -> (Zeroizing<[u8; NK]>, [u8; AEAD_NONCE_BYTES]) {
    let salt = [enc.as_slice(), response_nonce].concat();
    let hkdf = Hkdf::<Sha256>::new(Some(&salt), secret);
    let (mut key, mut nonce) = (Zeroizing::new([0; NK]), [0; AEAD_NONCE_BYTES]);
    hkdf.expand(b"key", key.as_mut()).expect("a key is less than HKDF can give");
    hkdf.expand(b"nonce", &mut nonce).expect("a nonce is less than HKDF can give");
    (key, nonce)
}

impl Exchange {
    fn seal(&self, response_nonce: &[u8; NONCE_BYTES], plaintext: &[u8]) -> Result<Vec<u8>> {
        let (key, nonce) = derive::<32>(self.secret.as_ref(), &self.enc, response_nonce);
        let payload = Payload { msg: plaintext, aad: AAD };
        match self.suite {
            Suite::ChaCha20Poly1305 => {
                ChaCha20Poly1305::new((&*key).into()).encrypt(&nonce.into(), payload)
            }
            Suite::Aes256Gcm => Aes256Gcm::new((&*key).into()).encrypt(&nonce.into(), payload),
        }
        .map_err(|_| Error::Sealing)
    }

    fn open(&self, response_nonce: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (key, nonce) = derive::<32>(self.secret.as_ref(), &self.enc, response_nonce);
        let payload = Payload { msg: ciphertext, aad: AAD };
        match self.suite {
            Suite::ChaCha20Poly1305 => {
                ChaCha20Poly1305::new((&*key).into()).decrypt(&nonce.into(), payload)
            }
            Suite::Aes256Gcm => Aes256Gcm::new((&*key).into()).decrypt(&nonce.into(), payload),
        }
        .map(Zeroizing::new)
        .map_err(|_| Error::Opening)
    }
}

/// Seals the one answer to an opened request.
pub struct ResponseSealer(Exchange);

impl ResponseSealer {
    pub(super) fn new(suite: Suite, enc: [u8; KEY_BYTES], secret: Zeroizing<[u8; 32]>) -> Self {
        Self(Exchange { suite, enc, secret })
    }

    /// Pads and seals the answer. For a retry, send these bytes again.
    ///
    /// # Errors
    /// [`Error::PlaintextTooLarge`].
    pub fn seal(self, plaintext: &[u8], rng: &mut impl CryptoRngCore) -> Result<Vec<u8>> {
        let padded = padding::pad(plaintext)?;
        let mut response_nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut response_nonce);
        let ciphertext = self.0.seal(&response_nonce, &padded)?;
        let mut out = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
        out.push(VERSION);
        out.extend_from_slice(&response_nonce);
        out.extend_from_slice(&ciphertext);
        Ok(out)
    }
}

/// Opens the answer to one sealed request.
pub struct ResponseOpener(Exchange);

impl ResponseOpener {
    pub(super) fn new(suite: Suite, enc: [u8; KEY_BYTES], secret: Zeroizing<[u8; 32]>) -> Self {
        Self(Exchange { suite, enc, secret })
    }

    /// Opens an answer; a stored one may arrive more than once.
    ///
    /// # Errors
    /// [`Error::SealedTooLarge`], [`Error::SealedMalformed`], or [`Error::Opening`] if it is not
    /// this enclave's answer to this request.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if sealed.len() > MAX_SEALED_BYTES {
            return Err(Error::SealedTooLarge);
        }
        let (version, rest) = sealed.split_first().ok_or(Error::SealedMalformed)?;
        if *version != VERSION {
            return Err(Error::SealedMalformed);
        }
        let (response_nonce, ciphertext) =
            rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::SealedMalformed)?;
        padding::unpad(&self.0.open(response_nonce, ciphertext)?)
    }
}

#[cfg(test)]
mod tests {
    use super::derive;
    use hex::FromHex;

    /// RFC 9458 appendix A; its suite has 16-byte keys, the derivation is the same.
    #[test]
    fn answer_keys_are_those_of_rfc_9458() {
        let secret = <[u8; 16]>::from_hex("62d87a6ba569ee81014c2641f52bea36").unwrap();
        let enc = <[u8; 32]>::from_hex(
            "4b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b472",
        );
        let nonce = <[u8; 16]>::from_hex("c789e7151fcba46158ca84b04464910d").unwrap();
        let (key, aead_nonce) = derive::<16>(&secret, &enc.unwrap(), &nonce);
        assert_eq!(hex::encode(*key), "5d0172a080e428b16d298c4ea0db620d");
        assert_eq!(hex::encode(aead_nonce), "f6bf1aeb88d6df87007fa263");
    }
}
