use crate::Error;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A release signer's public key (Ed25519, never a weak one). Text form is lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseKey([u8; 32]);

impl ReleaseKey {
    /// Takes the 32 bytes of a key.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| Error::Key)?;
        Self::try_from(&key)
    }

    /// The 32 bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    pub(crate) fn verifying_key(self) -> VerifyingKey {
        VerifyingKey::from_bytes(&self.0).expect("it was one when this was made")
    }
}

impl TryFrom<&VerifyingKey> for ReleaseKey {
    type Error = Error;

    /// Under a weak key, one signature passes for many messages.
    fn try_from(key: &VerifyingKey) -> Result<Self, Error> {
        if key.is_weak() { Err(Error::Key) } else { Ok(Self(key.to_bytes())) }
    }
}

impl fmt::Display for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReleaseKey({self})")
    }
}

impl FromStr for ReleaseKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 32];
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        if upper || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(Error::Key);
        }
        Self::from_bytes(&bytes)
    }
}

impl TryFrom<String> for ReleaseKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ReleaseKey> for String {
    fn from(key: ReleaseKey) -> Self {
        key.to_string()
    }
}
