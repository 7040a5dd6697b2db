use crate::derivation::{self, BACKUP_KEY, CHANGES_KEY};
use crate::{Error, Result};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use sharekeep_channel::sealed_box::{BoxKeyPair, BoxPublicKey};
use zeroize::Zeroizing;

/// What all backups of one user and generation are sealed to. The client makes it; only boxes
/// sealed to factors hold it. Wiped on drop.
pub struct RecoverySeed(Zeroizing<[u8; 32]>);

impl RecoverySeed {
    /// Draws a seed.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| Error::SecretMalformed)?;
        Ok(Self(Zeroizing::new(*bytes)))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The keys that this seed gives as the user's `generation`th.
    #[must_use]
    pub fn keys(&self, generation: u64) -> RecoveryKeys {
        let backup = BoxKeyPair::derive(&derivation::derive(&*self.0, BACKUP_KEY.as_bytes()));
        let changes = SigningKey::from_bytes(&derivation::derive(&*self.0, CHANGES_KEY.as_bytes()));
        let public = RecoveryPublic {
            generation,
            hpke: backup.public_key(),
            verify: ByteArray::new(changes.verifying_key().to_bytes()),
        };
        RecoveryKeys { public, backup, changes }
    }
}

/// The secret keys of a seed. Both are wiped on drop.
pub struct RecoveryKeys {
    public: RecoveryPublic,
    pub(crate) backup: BoxKeyPair,
    changes: SigningKey,
}

impl RecoveryKeys {
    /// What devices pin.
    #[must_use]
    pub const fn public(&self) -> &RecoveryPublic {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> ByteArray<64> {
        ByteArray::new(self.changes.sign(message).to_bytes())
    }
}

/// The public keys of a recovery seed. A device pins them inside its encrypted share file, and seals
/// backups to them with no factor at hand.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryPublic {
    /// Counts the user's seeds, from 1. Removing or replacing a factor raises it.
    pub generation: u64,
    /// Backups are sealed to it (X25519).
    pub hpke: BoxPublicKey,
    /// Checks changes of factors (Ed25519).
    pub verify: ByteArray<32>,
}

impl RecoveryPublic {
    pub(crate) fn check(&self, message: &[u8], signature: &ByteArray<64>) -> Result<()> {
        VerifyingKey::from_bytes(&self.verify)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .map_err(|_| Error::SetSignature)
    }

    /// Its fields, each in the width that transcripts take.
    pub(crate) fn fields(&self) -> [Vec<u8>; 3] {
        [
            self.generation.to_be_bytes().to_vec(),
            self.hpke.as_bytes().to_vec(),
            self.verify.to_vec(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart from this code: HKDF-SHA256 by Python's hmac module, the X25519 key by RFC
    /// 9180's DeriveKeyPair on top of it, keys by the `cryptography` package.
    #[test]
    fn the_keys_of_a_seed_are_the_released_ones() {
        let keys = RecoverySeed(Zeroizing::new([7; 32])).keys(3);
        assert_eq!(keys.public().generation, 3);
        assert_eq!(hex::encode(keys.public().hpke.as_bytes()), HPKE);
        assert_eq!(hex::encode(*keys.public().verify), VERIFY);
    }

    const HPKE: &str = "6f6bb55114ad57008ebc81f37cfab0f9500674ae6f9d9bc152e795be9d37b855";
    const VERIFY: &str = "1f1da548293d99c03429b28f488bceb59a97a2d87e7ea23d8bb261bfa7b9b66b";

    #[test]
    fn a_signature_of_another_seed_does_not_verify() {
        let (one, other) =
            (RecoverySeed(Zeroizing::new([1; 32])), RecoverySeed(Zeroizing::new([2; 32])));
        let signature = one.keys(1).sign(b"message");
        one.keys(1).public().check(b"message", &signature).unwrap();
        assert!(other.keys(1).public().check(b"message", &signature).is_err());
        assert!(one.keys(1).public().check(b"massage", &signature).is_err());
    }
}
