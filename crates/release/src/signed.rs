use crate::{Error, Release, ReleaseKey, text};
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::{Deserialize, Serialize};

/// Longest text of a signed release, in bytes: 16 signatures, and as much again.
pub const MAX_SIGNED_RELEASE_BYTES: usize = 8 * 1024;
/// Most signatures in one text.
const MAX_SIGNATURES: usize = 16;

/// A release with the signatures that it has so far: none of them verified. Its text is JSON, the
/// release first, then the signatures by their keys. What is signed is a label followed by the
/// release's own text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRelease {
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
        let signed: Self = text::read(text, MAX_SIGNED_RELEASE_BYTES)?;
        // A signer counts once. That signatures are in order lets nobody hand on another text of
        // the same release.
        if !signed.signatures.is_sorted_by(|one, next| one.key < next.key) {
            return Err(Error::Text(
                "its signatures are not in the order of their keys".to_owned(),
            ));
        }
        Ok(signed)
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
                return Err(Error::Impossible("a release has at most 16 signatures"));
            }
            Err(at) => self.signatures.insert(at, signature),
        }
        Ok(())
    }

    /// Which of these keys have a signature here that verifies. Others do not count.
    pub(crate) fn signers(&self, keys: &[ReleaseKey]) -> Vec<ReleaseKey> {
        let message = self.release.message();
        let verifies = |one: &&OneSignature| {
            let signature = Signature::from_bytes(&one.signature.0);
            keys.contains(&one.key)
                && one.key.verifying_key().verify_strict(&message, &signature).is_ok()
        };
        self.signatures.iter().filter(verifies).map(|one| one.key).collect()
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
