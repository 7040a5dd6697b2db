//! Keys of people: an operator's signs documents of tenants, a release signer's signs release
//! manifests. One file each, in age's standard form under a passphrase (`age -d` opens it):
//!
//! ```text
//! sharekeep operator-key 1
//! name first operator
//! key 9d61b19d…            (hexadecimal, 32 bytes)
//! ```

use crate::{Error, Result};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::{OsRng, RngCore};
use sharekeep::{Passphrase, open_with_passphrase, seal_with_passphrase};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Longest name of a key, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What a key is for. A key for the one is refused for the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyUse {
    /// Signs documents of tenants.
    Operator,
    /// Signs release manifests.
    Release,
}

impl KeyUse {
    const ALL: [Self; 2] = [Self::Operator, Self::Release];

    const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Release => "release",
        }
    }
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key (Ed25519). Its text is hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.to_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        let read = hex::decode_to_slice(text, &mut bytes).ok();
        let key = read.and_then(|()| VerifyingKey::from_bytes(&bytes).ok());
        // Under a weak key, one signature passes for many messages.
        let key = key.filter(|key| !key.is_weak());
        key.map(Self).ok_or_else(|| Error::Usage("not a public key: 64 hexadecimal digits".into()))
    }
}

/// A person's signing key. Erased on drop; it leaves memory only sealed under a passphrase.
pub struct SealedKey {
    purpose: KeyUse,
    name: String,
    key: SigningKey,
}

impl SealedKey {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`Error::Usage`] if the name cannot be one, or the system gives no random bytes.
    pub fn generate(purpose: KeyUse, name: &str) -> Result<Self> {
        let printable = |c: char| c.is_ascii_graphic() || c == ' ';
        let name = name.trim();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(printable) {
            let why = format!("a key's name has 1 to {MAX_NAME_BYTES} printable ASCII characters");
            return Err(Error::Usage(why));
        }
        let mut seed = Zeroizing::new([0; 32]);
        OsRng
            .try_fill_bytes(&mut seed[..])
            .map_err(|_| Error::Usage("the system gives no random bytes".to_owned()))?;
        Ok(Self { purpose, name: name.to_owned(), key: SigningKey::from_bytes(&seed) })
    }

    /// What it is for.
    pub fn purpose(&self) -> KeyUse {
        self.purpose
    }

    /// Whose it is, in words.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What others know it by.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key())
    }

    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    /// The content of its file.
    ///
    /// # Errors
    /// [`Error::Sharekeep`] if there is no memory for it.
    pub fn seal(&self, passphrase: &Passphrase) -> Result<Vec<u8>> {
        Ok(seal_with_passphrase(self.text().as_bytes(), passphrase)?)
    }

    /// Opens the content of a key's file. The path is for the errors.
    ///
    /// # Errors
    /// [`Error::Sharekeep`]: the passphrase is wrong, or this is no key's file.
    pub fn open(file: &[u8], passphrase: &Passphrase, path: &Path) -> Result<Self> {
        let text = open_with_passphrase(file, passphrase, path)?;
        let key = std::str::from_utf8(&text).ok().and_then(Self::from_text);
        key.ok_or_else(|| sharekeep::Error::Damaged(path.to_owned()).into())
    }

    fn text(&self) -> Zeroizing<String> {
        let mut digits = Zeroizing::new([0; 64]);
        // 32 bytes are 64 digits, so there is room.
        let _ = hex::encode_to_slice(self.key.as_bytes(), &mut digits[..]);
        let digits = std::str::from_utf8(&digits[..]).unwrap_or_default();
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(256));
        for part in
            ["sharekeep ", self.purpose.name(), "-key 1\nname ", &self.name, "\nkey ", digits, "\n"]
        {
            text.push_str(part);
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let purpose = lines.next()?.strip_prefix("sharekeep ")?.strip_suffix("-key 1")?;
        let purpose = KeyUse::ALL.into_iter().find(|known| known.name() == purpose)?;
        let name = lines.next()?.strip_prefix("name ")?.to_owned();
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(lines.next()?.strip_prefix("key ")?, &mut seed[..]).ok()?;
        if lines.next().is_some() {
            return None;
        }
        Some(Self { purpose, name, key: SigningKey::from_bytes(&seed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    fn key() -> SealedKey {
        SealedKey {
            purpose: KeyUse::Operator,
            name: "one".to_owned(),
            key: SigningKey::from_bytes(&[1; 32]),
        }
    }

    #[test]
    fn a_key_comes_back_with_its_passphrase_only() {
        let sealed = key().seal(&passphrase("right")).unwrap();
        let back = SealedKey::open(&sealed, &passphrase("right"), Path::new("k")).unwrap();
        assert_eq!((back.public(), back.name()), (key().public(), "one"));
        assert_eq!(back.purpose(), KeyUse::Operator);
        let wrong = SealedKey::open(&sealed, &passphrase("wrong"), Path::new("k"));
        assert!(matches!(
            wrong.err(),
            Some(Error::Sharekeep(sharekeep::Error::WrongPassphrase(_)))
        ));
    }

    #[test]
    fn a_key_file_shows_neither_the_key_nor_its_name() {
        let sealed = String::from_utf8(key().seal(&passphrase("right")).unwrap()).unwrap();
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert!(!sealed.contains("0101") && !sealed.contains("one"));
    }

    #[test]
    fn anything_but_the_text_of_a_key_is_refused() {
        let good = key().text().to_string();
        assert!(SealedKey::from_text(&good).is_some());
        for bad in [
            String::new(),
            good.replace("operator-key", "master-key"),
            good.replace("-key 1", "-key 2"),
            good.replace("key 01", "key 1"),
            good.replace("key 01", "key 0101"),
            good.trim_end().to_owned(),
            format!("{good}more\n"),
        ] {
            assert!(SealedKey::from_text(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn two_keys_are_never_the_same_and_names_are_printable() {
        let new = |name| SealedKey::generate(KeyUse::Release, name);
        assert_ne!(new("a").unwrap().public(), new("a").unwrap().public());
        for name in ["", " ", "a\nkey 00", &"x".repeat(65)] {
            assert!(new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_public_key_is_64_digits_of_a_key_that_is_not_weak() {
        let text = key().public().to_string();
        assert_eq!(text.parse::<PublicKey>().unwrap(), key().public());
        let weak = format!("01{}", "00".repeat(31));
        for bad in ["", &text[2..], &format!("{text}00"), "zz", &weak] {
            assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
        }
    }
}
