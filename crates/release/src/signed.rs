use crate::{Error, Release, ReleaseKey, text};
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::{Deserialize, Serialize};

/// Longest text of a signed release, in bytes: 16 signatures, and as much again.
pub const MAX_SIGNED_RELEASE_BYTES: usize = 8 * 1024;
/// Most signatures in one text.
const MAX_SIGNATURES: usize = 16;
const TOO_MANY: Error = Error::Impossible("a release has at most 16 signatures");

/// A release with the signatures that it has so far: none of them verified. Its text is JSON, the
/// release first, then the signatures by their keys. What is signed is a label followed by the
/// release's own text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct SignedRelease {
    release: Release,
    /// By their keys, each once.
    signatures: Vec<OneSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    release: Release,
    signatures: Vec<OneSignature>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneSignature {
    key: ReleaseKey,
    signature: SignatureText,
}

/// 64 bytes in lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct SignatureText([u8; 64]);

/// A release that enough of the keys have signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// What was signed.
    pub release: Release,
    /// Whose signatures verified, of the keys that count.
    pub signers: Vec<ReleaseKey>,
}

impl SignedRelease {
    /// A release that nobody has signed yet.
    pub fn unsigned(release: Release) -> Self {
        Self { release, signatures: Vec::new() }
    }

    /// Reads a text, and no other JSON that says the same.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is parsed, [`Error::Text`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        text::read(text, MAX_SIGNED_RELEASE_BYTES)
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// What it says: believe it after [`ReleaseKeys::verify`](crate::ReleaseKeys::verify) only.
    pub fn unverified(&self) -> &Release {
        &self.release
    }

    /// Adds a signature; one that this key made before is replaced.
    ///
    /// # Errors
    /// [`Error::Impossible`] if there are as many as a text can have.
    pub fn sign(&mut self, signer: &SigningKey) -> Result<(), Error> {
        let key = ReleaseKey::try_from(&signer.verifying_key())?;
        let signature = signer.sign(&self.release.message());
        self.insert(OneSignature { key, signature: SignatureText(signature.to_bytes()) })
    }

    /// Takes over the signatures that another text of the same release has.
    ///
    /// # Errors
    /// [`Error::Different`], or [`Error::Impossible`] if there are more than a text can have.
    pub fn combine(&mut self, other: Self) -> Result<(), Error> {
        if other.release != self.release {
            return Err(Error::Different);
        }
        other.signatures.into_iter().try_for_each(|signature| self.insert(signature))
    }

    fn insert(&mut self, signature: OneSignature) -> Result<(), Error> {
        match self.signatures.binary_search_by_key(&signature.key, |known| known.key) {
            Ok(at) => self.signatures[at] = signature,
            Err(_) if self.signatures.len() >= MAX_SIGNATURES => {
                return Err(TOO_MANY);
            }
            Err(at) => self.signatures.insert(at, signature),
        }
        Ok(())
    }

    /// Which of these keys have a signature here that verifies. Keys are counted and not signatures, so
    /// that nobody counts twice; others' signatures do not count.
    pub(crate) fn signers(&self, keys: &[ReleaseKey]) -> Vec<ReleaseKey> {
        let message = self.release.message();
        let signed = |key: &&ReleaseKey| {
            self.signatures.iter().filter(|one| one.key == **key).any(|one| {
                let signature = Signature::from_bytes(&one.signature.0);
                key.verifying_key().verify_strict(&message, &signature).is_ok()
            })
        };
        keys.iter().filter(signed).copied().collect()
    }
}

impl TryFrom<Fields> for SignedRelease {
    type Error = Error;

    fn try_from(Fields { release, signatures }: Fields) -> Result<Self, Error> {
        if signatures.len() > MAX_SIGNATURES {
            return Err(TOO_MANY);
        }
        // That signatures are in order lets nobody hand on another text of the same release.
        if !signatures.is_sorted_by(|one, next| one.key < next.key) {
            return Err(Error::Impossible(
                "its signatures are not in the order of their keys, or a key is there twice",
            ));
        }
        Ok(Self { release, signatures })
    }
}

impl From<SignedRelease> for Fields {
    fn from(SignedRelease { release, signatures }: SignedRelease) -> Self {
        Self { release, signatures }
    }
}

impl TryFrom<String> for SignatureText {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let mut bytes = [0; 64];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(Error::Impossible("a signature has 128 hexadecimal digits")),
        }
    }
}

impl From<SignatureText> for String {
    fn from(signature: SignatureText) -> Self {
        hex::encode(signature.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_channel::attestation::PcrSet;

    #[test]
    fn a_key_counts_once_however_often_its_signature_is_there() {
        let signer = SigningKey::from_bytes(&[1; 32]);
        let release = Release::new("shop", 1, 1, PcrSet::from([[1; 48]; 3]), None).unwrap();
        let mut signed = SignedRelease::unsigned(release);
        signed.sign(&signer).unwrap();
        // No text of this is read, and no method makes it.
        signed.signatures.push(signed.signatures[0].clone());
        let key = signed.signatures[0].key;
        assert_eq!(signed.signers(&[key]), [key]);
        assert!(SignedRelease::parse(&signed.to_text()).is_err());
    }
}
