use super::{KeyId, SIGNATURE_BYTES, thumbprint};
use crate::newtype::base64url;
use crate::{Error, Result};
use rand_core::CryptoRngCore;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, Zeroizing};

/// The algorithms of a session key (RFC 9421 section 3.3.4 and 3.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionAlgorithm {
    /// ECDSA over P-256 with SHA-256; also what browsers' and phones' key stores offer.
    EcdsaP256Sha256,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

impl SessionAlgorithm {
    /// The name in the IANA registry of HTTP signature algorithms.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::Ed25519 => "ed25519",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::EcdsaP256Sha256, Self::Ed25519].into_iter().find(|known| known.name() == name)
    }
}

enum Signing {
    P256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

/// A session's secret key. Wiped on drop; leaves only by [`to_sealing_bytes`](Self::to_sealing_bytes).
pub struct SessionSigningKey(Signing);

const SEALED_P256: u8 = 1;
const SEALED_ED25519: u8 = 2;

impl SessionSigningKey {
    /// Makes a key.
    pub fn generate(algorithm: SessionAlgorithm, rng: &mut impl CryptoRngCore) -> Self {
        Self(match algorithm {
            SessionAlgorithm::EcdsaP256Sha256 => {
                Signing::P256(p256::ecdsa::SigningKey::random(rng))
            }
            SessionAlgorithm::Ed25519 => {
                let mut seed = Zeroizing::new([0; 32]);
                rng.fill_bytes(seed.as_mut());
                Signing::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
            }
        })
    }

    /// The secret key in the form to seal into a file or key store: one byte of algorithm, 32 of key.
    #[must_use]
    pub fn to_sealing_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Full capacity at once: growing would leave a copy behind.
        let mut out = Zeroizing::new(Vec::with_capacity(33));
        match &self.0 {
            Signing::P256(key) => {
                out.push(SEALED_P256);
                let mut secret = key.to_bytes();
                out.extend_from_slice(&secret);
                secret[..].zeroize();
            }
            Signing::Ed25519(key) => {
                out.push(SEALED_ED25519);
                out.extend_from_slice(key.as_bytes());
            }
        }
        out
    }

    /// Takes back what [`to_sealing_bytes`](Self::to_sealing_bytes) gave.
    ///
    /// # Errors
    /// [`Error::SecretKeyMalformed`].
    pub fn from_sealing_bytes(bytes: &[u8]) -> Result<Self> {
        let malformed = Error::SecretKeyMalformed;
        let Some((algorithm, secret)) = bytes.split_first() else {
            return Err(malformed);
        };
        let Ok(secret) = <&[u8; 32]>::try_from(secret) else {
            return Err(malformed);
        };
        match *algorithm {
            SEALED_P256 => p256::ecdsa::SigningKey::from_slice(secret)
                .map(|key| Self(Signing::P256(key)))
                .map_err(|_| malformed),
            SEALED_ED25519 => {
                Ok(Self(Signing::Ed25519(ed25519_dalek::SigningKey::from_bytes(secret))))
            }
            _ => Err(malformed),
        }
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> SessionPublicKey {
        SessionPublicKey(match &self.0 {
            Signing::P256(key) => Verifying::P256(*key.verifying_key()),
            Signing::Ed25519(key) => Verifying::Ed25519(key.verifying_key()),
        })
    }

    pub(super) fn sign_bytes(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        use ed25519_dalek::ed25519::signature::Signer;
        match &self.0 {
            Signing::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().into()
            }
            Signing::Ed25519(key) => key.sign(message).to_bytes(),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Verifying {
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// A session's public key: a checked point.
///
/// Text form, also in serde: `p256:` and the compressed point, or `ed25519:` and the key, in
/// base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionPublicKey(Verifying);

impl SessionPublicKey {
    /// The key's one algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> SessionAlgorithm {
        match self.0 {
            Verifying::P256(_) => SessionAlgorithm::EcdsaP256Sha256,
            Verifying::Ed25519(_) => SessionAlgorithm::Ed25519,
        }
    }

    /// The name of the key in signatures and in token bindings.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        match &self.0 {
            Verifying::P256(key) => thumbprint::p256(key),
            Verifying::Ed25519(key) => thumbprint::ed25519(key.as_bytes()),
        }
    }

    pub(super) fn verify_bytes(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        match &self.0 {
            Verifying::P256(key) => {
                use p256::ecdsa::signature::Verifier;
                p256::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Verifying::Ed25519(key) => {
                key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
            }
        }
    }
}

impl fmt::Display for SessionPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Verifying::P256(key) => {
                write!(f, "p256:{}", base64url::encode(key.to_encoded_point(true).as_bytes()))
            }
            Verifying::Ed25519(key) => write!(f, "ed25519:{}", base64url::encode(key.as_bytes())),
        }
    }
}

impl fmt::Debug for SessionPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionPublicKey({self})")
    }
}

impl FromStr for SessionPublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let malformed = || Error::PublicKeyMalformed;
        let (algorithm, key) = text.split_once(':').ok_or_else(malformed)?;
        let bytes = base64url::decode(key).ok_or_else(malformed)?;
        match algorithm {
            // 33 bytes: the uncompressed form would be a second spelling of the same key.
            "p256" if bytes.len() == 33 => p256::ecdsa::VerifyingKey::from_sec1_bytes(&bytes)
                .map(|key| Self(Verifying::P256(key)))
                .map_err(|_| malformed()),
            "ed25519" => {
                let bytes = bytes.try_into().map_err(|_| malformed())?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok();
                // Under a key of small order one signature fits many messages.
                key.filter(|key| !key.is_weak())
                    .map(|key| Self(Verifying::Ed25519(key)))
                    .ok_or_else(malformed)
            }
            _ => Err(malformed()),
        }
    }
}

impl Serialize for SessionPublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionPublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom("malformed session public key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    const BOTH: [SessionAlgorithm; 2] =
        [SessionAlgorithm::EcdsaP256Sha256, SessionAlgorithm::Ed25519];

    #[test]
    fn keys_come_back_from_their_sealing_bytes() {
        for algorithm in BOTH {
            let key = SessionSigningKey::generate(algorithm, &mut OsRng);
            let back = SessionSigningKey::from_sealing_bytes(&key.to_sealing_bytes()).unwrap();
            assert_eq!(key.public_key(), back.public_key());
            assert!(SessionSigningKey::from_sealing_bytes(&key.to_sealing_bytes()[1..]).is_err());
        }
        assert!(SessionSigningKey::from_sealing_bytes(&[SEALED_P256; 33]).is_ok());
        let mut zero = [0; 33];
        zero[0] = SEALED_P256;
        assert!(SessionSigningKey::from_sealing_bytes(&zero).is_err());
    }

    #[test]
    fn public_keys_have_one_spelling() {
        for algorithm in BOTH {
            let key = SessionSigningKey::generate(algorithm, &mut OsRng).public_key();
            assert_eq!(key.to_string().parse::<SessionPublicKey>().unwrap(), key);
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<SessionPublicKey>(&json).unwrap(), key);
        }
    }

    #[test]
    fn ed25519_keys_of_small_order_are_refused() {
        let identity = [&[1][..], &[0; 31]].concat();
        let text = format!("ed25519:{}", base64url::encode(&identity));
        assert!(text.parse::<SessionPublicKey>().is_err());
    }
}
