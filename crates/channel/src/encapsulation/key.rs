use super::KEY_BYTES;
use super::context::Kem;
use crate::newtype::{self, base64url, public_bytes};
use crate::{Error, Result};
use hpke::{Deserializable, Kem as _, Serializable};
use rand_core::CryptoRngCore;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

const KEY_ID_LABEL: &[u8] = b"sharekeep/enclave-key-id/v1";

public_bytes! {
    /// Names an enclave key: SHA-256 of a label and the public key. Text form is base64url.
    EnclaveKeyId, 32, base64url
}

/// The X25519 key that requests to one running enclave are sealed to.
#[derive(Clone, PartialEq, Eq)]
pub struct EnclavePublicKey {
    bytes: [u8; KEY_BYTES],
    id: EnclaveKeyId,
}

impl EnclavePublicKey {
    /// Takes the key as an attestation document carries it.
    ///
    /// # Errors
    /// [`Error::PublicKeyMalformed`] if a shared secret with it would be known to everyone
    /// (the all-zero point; other points of small order fail at sealing).
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Result<Self> {
        if bytes == [0; KEY_BYTES] {
            return Err(Error::PublicKeyMalformed);
        }
        let id = Sha256::new().chain_update(KEY_ID_LABEL).chain_update(bytes).finalize();
        Ok(Self { bytes, id: EnclaveKeyId::from_bytes(id.into()) })
    }

    /// The 32 bytes of RFC 7748.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// The id that requests and ceremonies name the key by.
    #[must_use]
    pub const fn id(&self) -> EnclaveKeyId {
        self.id
    }

    pub(super) fn to_kem(&self) -> Result<<Kem as hpke::Kem>::PublicKey> {
        <Kem as hpke::Kem>::PublicKey::from_bytes(&self.bytes)
            .map_err(|_| Error::PublicKeyMalformed)
    }
}

impl fmt::Display for EnclavePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.bytes))
    }
}

impl fmt::Debug for EnclavePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnclavePublicKey({self})")
    }
}

impl FromStr for EnclavePublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = base64url::decode(text).ok_or(Error::PublicKeyMalformed)?;
        Self::from_bytes(bytes.try_into().map_err(|_| Error::PublicKeyMalformed)?)
    }
}

impl Serialize for EnclavePublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        newtype::serialize(&self.bytes, self, serializer)
    }
}

impl<'de> Deserialize<'de> for EnclavePublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        newtype::deserialize(deserializer, |bytes| Self::from_bytes(bytes.try_into().ok()?).ok())
    }
}

/// An enclave's key pair. It is made at start, lives in enclave memory only and is never stored:
/// what was sealed to it can't be opened after the enclave has gone.
pub struct EnclaveKeyPair {
    /// Wiped on drop by the library.
    pub(super) secret: <Kem as hpke::Kem>::PrivateKey,
    public: EnclavePublicKey,
}

impl EnclaveKeyPair {
    /// Makes a key pair.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        loop {
            let mut seed = Zeroizing::new([0; KEY_BYTES]);
            rng.fill_bytes(seed.as_mut());
            let (secret, public) = Kem::derive_keypair(seed.as_ref());
            let mut bytes = [0; KEY_BYTES];
            public.write_exact(&mut bytes);
            if let Ok(public) = EnclavePublicKey::from_bytes(bytes) {
                return Self { secret, public };
            }
        }
    }

    /// The half to publish in an attestation document.
    #[must_use]
    pub const fn public_key(&self) -> &EnclavePublicKey {
        &self.public
    }

    /// The id of the public half.
    #[must_use]
    pub const fn id(&self) -> EnclaveKeyId {
        self.public.id()
    }
}
