//! The key of this device's files: an age identity, itself in a file that a passphrase opens.

use super::durable;
use crate::{Error, Result};
use age::secrecy::{ExposeSecret, SecretString};
use age::{DecryptError, Decryptor, scrypt, x25519};
use sharekeep_steps::DurableStep;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// scrypt's cost: N = 2^17, r = 8, so 128 MiB and about a fifth of a second for each guess at the
/// passphrase. It also is what each command pays, so it stays below what a user notices.
pub(crate) const SCRYPT_LOG_N: u8 = 17;
/// A key file that asks for more was not written by us; the work would stall the command.
pub(crate) const SCRYPT_LOG_N_LIMIT: u8 = 20;
/// Largest secret file: the largest content is a preparation with its tables (about 1.2 MB).
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;
/// Largest key file.
const MAX_KEY_FILE_BYTES: usize = 4096;

/// A passphrase. It is erased on drop and cannot be printed.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Takes the text over.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is empty: that protects nothing.
    pub fn new(text: String) -> Result<Self> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(Error::Usage("the passphrase is empty".to_owned()));
        }
        Ok(Self(SecretString::from(text.as_str())))
    }

    pub(crate) fn secret(&self) -> SecretString {
        self.0.clone()
    }

    /// Whether two entries are the same; for asking twice.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// Opens and seals this device's files. Whoever holds it can read all of them.
pub(super) struct Vault {
    identity: x25519::Identity,
}

impl Vault {
    /// Makes a new key and stores it under the passphrase.
    pub(super) fn create(path: &Path, passphrase: &Passphrase) -> Result<Self> {
        let identity = x25519::Identity::generate();
        let mut recipient = scrypt::Recipient::new(passphrase.0.clone());
        recipient.set_work_factor(SCRYPT_LOG_N);
        let sealed = age::encrypt(&recipient, identity.to_string().expose_secret().as_bytes())
            .map_err(|_| Error::Damaged(path.to_owned()))?;
        durable::write(path, &sealed, DurableStep::HomeKey)?;
        Ok(Self { identity })
    }

    /// Opens the key file.
    pub(super) fn open(path: &Path, passphrase: &Passphrase) -> Result<Self> {
        let sealed = durable::read(path, MAX_KEY_FILE_BYTES)?
            .ok_or_else(|| Error::NotSetUp(path.to_owned()))?;
        let mut opener = scrypt::Identity::new(passphrase.0.clone());
        opener.set_max_work_factor(SCRYPT_LOG_N_LIMIT);
        let text = decrypt(&opener, &sealed).map_err(|e| match e {
            DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed
            | DecryptError::NoMatchingKeys => Error::WrongPassphrase(path.to_owned()),
            _ => Error::Damaged(path.to_owned()),
        })?;
        let damaged = || Error::Damaged(path.to_owned());
        let identity = std::str::from_utf8(&text).map_err(|_| damaged())?;
        Ok(Self { identity: identity.parse().map_err(|_| damaged())? })
    }

    /// Writes a secret file.
    pub(super) fn write(&self, path: &Path, plaintext: &[u8], step: DurableStep) -> Result<()> {
        let sealed = age::encrypt(&self.identity.to_public(), plaintext)
            .map_err(|_| Error::Damaged(path.to_owned()))?;
        durable::write(path, &sealed, step)
    }

    /// Reads a secret file; `None` if there is none.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(sealed) = durable::read(path, MAX_FILE_BYTES)? else { return Ok(None) };
        decrypt(&self.identity, &sealed).map(Some).map_err(|_| Error::Damaged(path.to_owned()))
    }
}

/// Decrypts age's binary form.
pub(crate) fn decrypt(
    identity: &impl age::Identity,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let mut reader = Decryptor::new_buffered(sealed)?
        .decrypt(std::iter::once(identity as &dyn age::Identity))?;
    // The plaintext is shorter than the file, so the buffer never moves and leaves no copy behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(sealed.len() + 64));
    reader.read_to_end(&mut plaintext)?;
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: DurableStep = DurableStep::WalletMade;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    #[test]
    fn a_wrong_passphrase_is_named_as_such_and_a_right_one_opens() {
        let directory = tempfile::tempdir().unwrap();
        let (key, file) = (directory.path().join("key"), directory.path().join("file"));
        Vault::create(&key, &passphrase("one")).unwrap().write(&file, b"share", STEP).unwrap();

        assert!(matches!(Vault::open(&key, &passphrase("two")), Err(Error::WrongPassphrase(_))));
        let vault = Vault::open(&key, &passphrase("one")).unwrap();
        assert_eq!(&**vault.read(&file).unwrap().unwrap(), b"share");
    }

    #[test]
    fn a_changed_or_foreign_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (key, file) = (directory.path().join("key"), directory.path().join("file"));
        let vault = Vault::create(&key, &passphrase("one")).unwrap();
        vault.write(&file, b"share", STEP).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(vault.read(&file), Err(Error::Damaged(_))));

        let other = Vault::create(&directory.path().join("key2"), &passphrase("one")).unwrap();
        other.write(&file, b"share", STEP).unwrap();
        assert!(matches!(vault.read(&file), Err(Error::Damaged(_))));
    }

    #[test]
    fn no_plaintext_reaches_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let (key, file) = (directory.path().join("key"), directory.path().join("file"));
        let vault = Vault::create(&key, &passphrase("one")).unwrap();
        vault.write(&file, b"a share that must not be seen", STEP).unwrap();
        for path in [key, file] {
            let bytes = std::fs::read(path).unwrap();
            assert!(!bytes.windows(8).any(|w| w == b"AGE-SECR" || w == b"a share "));
        }
    }

    #[test]
    fn an_empty_passphrase_is_refused() {
        assert!(Passphrase::new(String::new()).is_err());
    }
}
