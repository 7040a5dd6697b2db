//! Bytes sealed to a key that outlives one request: a recovery key, a factor's key.
//!
//! HPKE base mode (RFC 9180), the same suites as [`encapsulation`](crate::encapsulation), one
//! message a context:
//!
//! ```text
//! version 1 | suite 1 | enc 32 | ciphertext
//! ```
//!
//! `info` names the purpose and the key; the associated data holds the header and the caller's
//! binding. The plaintext is padded as a request's is. A box does not say who sealed it: whoever
//! knows the public key can. Who must know that has to learn it from elsewhere.

use crate::encapsulation::context::{self, Kem, ReceiverContext, SenderContext};
use crate::encapsulation::{KEY_BYTES, MAX_SEALED_BYTES, Suite, TAG_BYTES, padding};
use crate::newtype::public_bytes;
use crate::transcript::Transcript;
use crate::{Error, Result};
use hpke::{Deserializable, Kem as _, Serializable};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const AAD_LABEL: &str = "sharekeep/sealed-box/v1";
const HEADER_BYTES: usize = 2 + KEY_BYTES;

public_bytes! {
    /// An X25519 key (RFC 7748) that boxes are sealed to. Text form is base64url.
    BoxPublicKey, 32, base64url
}

/// The key pair that opens boxes. It is derived from a secret and never stored itself; the library
/// wipes it on drop.
pub struct BoxKeyPair {
    secret: context::SecretKey,
    public: BoxPublicKey,
}

impl BoxKeyPair {
    /// DeriveKeyPair of RFC 9180 section 7.1.3 over 32 secret bytes that serve nothing else.
    #[must_use]
    pub fn derive(secret: &[u8; 32]) -> Self {
        let (secret, public) = Kem::derive_keypair(secret);
        let mut bytes = [0; KEY_BYTES];
        public.write_exact(&mut bytes);
        Self { secret, public: BoxPublicKey::from_bytes(bytes) }
    }

    /// The half to seal to.
    #[must_use]
    pub const fn public_key(&self) -> BoxPublicKey {
        self.public
    }

    /// Opens what was sealed to this key for the same purpose and binding.
    ///
    /// # Errors
    /// [`Error::SealedTooLarge`], [`Error::SealedMalformed`], or [`Error::Opening`] for every other
    /// cause.
    pub fn open(
        &self,
        purpose: &'static str,
        binding: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        if sealed.len() > MAX_SEALED_BYTES {
            return Err(Error::SealedTooLarge);
        }
        let (header, ciphertext) =
            sealed.split_first_chunk::<HEADER_BYTES>().ok_or(Error::SealedMalformed)?;
        let ([version, suite], enc) =
            header.split_first_chunk::<2>().ok_or(Error::SealedMalformed)?;
        if *version != VERSION || ciphertext.len() < TAG_BYTES {
            return Err(Error::SealedMalformed);
        }
        let suite = Suite::from_code(*suite).ok_or(Error::SealedMalformed)?;
        let enc: &[u8; KEY_BYTES] = enc.try_into().map_err(|_| Error::SealedMalformed)?;
        let info = info(purpose, &self.public);
        let mut context = ReceiverContext::new(suite, &self.secret, &info, enc)?;
        padding::unpad(&context.open(ciphertext, &associated_data(header, binding))?)
    }
}

impl BoxPublicKey {
    /// Pads and seals `plaintext`. It opens only for the same `purpose`, a label with a version,
    /// and the same `binding`, an unambiguous encoding of where the box belongs.
    ///
    /// # Errors
    /// [`Error::PublicKeyMalformed`] if the key is a point of small order,
    /// [`Error::PlaintextTooLarge`].
    pub fn seal(
        &self,
        suite: Suite,
        purpose: &'static str,
        binding: &[u8],
        plaintext: &[u8],
        rng: &mut impl CryptoRngCore,
    ) -> Result<Vec<u8>> {
        let key = context::PublicKey::from_bytes(self.as_bytes())
            .map_err(|_| Error::PublicKeyMalformed)?;
        let padded = padding::pad(plaintext)?;
        let (enc, mut context) = SenderContext::new(suite, &key, &info(purpose, self), rng)?;
        let mut header = [0; HEADER_BYTES];
        header[0] = VERSION;
        header[1] = suite.code();
        header[2..].copy_from_slice(&enc);
        let ciphertext = context.seal(&padded, &associated_data(&header, binding))?;
        Ok([header.as_slice(), &ciphertext].concat())
    }
}

fn info(purpose: &'static str, key: &BoxPublicKey) -> Vec<u8> {
    Transcript::new(purpose).field(key.as_bytes()).finish()
}

fn associated_data(header: &[u8], binding: &[u8]) -> Vec<u8> {
    Transcript::new(AAD_LABEL).field(header).field(binding).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    const PURPOSE: &str = "test/v1";

    fn sealed(key: &BoxKeyPair, suite: Suite) -> Vec<u8> {
        key.public_key().seal(suite, PURPOSE, b"here", b"content", &mut OsRng).unwrap()
    }

    #[test]
    fn a_box_opens_for_its_key_purpose_and_place_only() {
        let (key, other) = (BoxKeyPair::derive(&[1; 32]), BoxKeyPair::derive(&[2; 32]));
        for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
            let bytes = sealed(&key, suite);
            assert_eq!(&**key.open(PURPOSE, b"here", &bytes).unwrap(), b"content");
            assert!(other.open(PURPOSE, b"here", &bytes).is_err());
            assert!(key.open("test/v2", b"here", &bytes).is_err());
            assert!(key.open(PURPOSE, b"there", &bytes).is_err());
        }
    }

    #[test]
    fn a_box_with_any_byte_changed_does_not_open() {
        let key = BoxKeyPair::derive(&[1; 32]);
        let bytes = sealed(&key, Suite::default());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(key.open(PURPOSE, b"here", &changed).is_err(), "byte {at}");
        }
        for length in 0..bytes.len() {
            assert!(key.open(PURPOSE, b"here", &bytes[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn contents_of_similar_length_look_the_same() {
        let key = BoxKeyPair::derive(&[1; 32]).public_key();
        let length = |content: &[u8]| {
            key.seal(Suite::default(), PURPOSE, b"", content, &mut OsRng).unwrap().len()
        };
        assert_eq!(length(b""), length(&[7; 500]));
    }

    #[test]
    fn a_key_whose_secrets_everyone_knows_is_refused() {
        let key = BoxPublicKey::from_bytes([0; 32]);
        assert!(key.seal(Suite::default(), PURPOSE, b"", b"", &mut OsRng).is_err());
    }
}
