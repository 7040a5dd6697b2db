use crate::newtype::{self, base64url, public_bytes};
use crate::transcript::Transcript;
use crate::{Error, Result};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRngCore;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// What a statement key signs. A signature for one purpose verifies for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A wallet's receipt.
    Receipt,
    /// An entry of an audit chain.
    AuditEntry,
    /// A statement key's successor.
    KeyRotation,
}

impl Purpose {
    fn message(self, bytes: &[u8]) -> Vec<u8> {
        let label = match self {
            Self::Receipt => "sharekeep/statement/receipt/v1",
            Self::AuditEntry => "sharekeep/statement/audit-entry/v1",
            Self::KeyRotation => "sharekeep/statement/key-rotation/v1",
        };
        Transcript::new(label).field(bytes).finish()
    }
}

public_bytes! {
    /// An Ed25519 signature of a statement key. Text form is base64url.
    StatementSignature, 64, base64url
}

/// A deployment's statement key: made in the enclave, sealed under KMS. Wiped on drop.
pub struct StatementKey(SigningKey);

impl StatementKey {
    /// Makes a key.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self(SigningKey::from_bytes(&seed))
    }

    /// The secret key in the form to seal.
    #[must_use]
    pub fn to_sealing_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Takes back what [`to_sealing_bytes`](Self::to_sealing_bytes) gave.
    ///
    /// # Errors
    /// [`Error::SecretKeyMalformed`] if it is not 32 bytes.
    pub fn from_sealing_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| Error::SecretKeyMalformed)?;
        Ok(Self(SigningKey::from_bytes(bytes)))
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> StatementPublicKey {
        StatementPublicKey(self.0.verifying_key())
    }

    /// Signs `bytes` for one purpose.
    #[must_use]
    pub fn sign(&self, purpose: Purpose, bytes: &[u8]) -> StatementSignature {
        StatementSignature::from_bytes(self.0.sign(&purpose.message(bytes)).to_bytes())
    }
}

/// The public half of a statement key; clients take it from a verified attestation document.
#[derive(Clone, PartialEq, Eq)]
pub struct StatementPublicKey(VerifyingKey);

impl StatementPublicKey {
    /// Takes the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// [`Error::PublicKeyMalformed`] if it is no point or one of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self> {
        VerifyingKey::from_bytes(&bytes)
            .ok()
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or(Error::PublicKeyMalformed)
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Checks a signature for one purpose.
    ///
    /// # Errors
    /// [`Error::StatementSignature`].
    pub fn verify(
        &self,
        purpose: Purpose,
        bytes: &[u8],
        signature: &StatementSignature,
    ) -> Result<()> {
        self.0
            .verify_strict(&purpose.message(bytes), &Signature::from_bytes(signature.as_bytes()))
            .map_err(|_| Error::StatementSignature)
    }
}

impl fmt::Display for StatementPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.as_bytes()))
    }
}

impl fmt::Debug for StatementPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatementPublicKey({self})")
    }
}

impl FromStr for StatementPublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = base64url::decode(text).ok_or(Error::PublicKeyMalformed)?;
        Self::from_bytes(bytes.try_into().map_err(|_| Error::PublicKeyMalformed)?)
    }
}

impl Serialize for StatementPublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        newtype::serialize(self.as_bytes(), self, serializer)
    }
}

impl<'de> Deserialize<'de> for StatementPublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        newtype::deserialize(deserializer, |bytes| Self::from_bytes(bytes.try_into().ok()?).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    #[test]
    fn an_audit_entry_can_not_be_shown_as_a_receipt() {
        let key = StatementKey::generate(&mut OsRng);
        let signature = key.sign(Purpose::AuditEntry, b"entry");
        let public = key.public_key();
        public.verify(Purpose::AuditEntry, b"entry", &signature).unwrap();
        assert!(public.verify(Purpose::Receipt, b"entry", &signature).is_err());
        assert!(public.verify(Purpose::AuditEntry, b"other", &signature).is_err());
    }

    #[test]
    fn the_key_comes_back_from_its_sealing_bytes() {
        let key = StatementKey::generate(&mut OsRng);
        let back = StatementKey::from_sealing_bytes(key.to_sealing_bytes().as_ref()).unwrap();
        assert_eq!(key.public_key(), back.public_key());
        let text = key.public_key().to_string();
        assert_eq!(text.parse::<StatementPublicKey>().unwrap(), key.public_key());
    }
}
