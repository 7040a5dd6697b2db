//! Export files and cloud files: a factor's random key as text that says what it is.
//!
//! ```text
//! sharekeep export-file 1
//! tenant demo
//! user Wb4b…            (base64url, 32 bytes)
//! factor 3q2-…          (base64url, 16 bytes)
//! key kJb1…             (base64url, 32 bytes)
//! ```
//!
//! An export file is this text in age's standard form, encrypted to a passphrase and armored
//! (<https://age-encryption.org/v1>): `age -d` opens it. A cloud file is the text itself: its key
//! gives nothing without the passcode of the same factor.

use super::passphrase_file::{open_with_passphrase, seal_with_passphrase};
use crate::home::Passphrase;
use crate::{Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use sharekeep_recovery::FileKey;
use sharekeep_schemas::{FactorId, FactorKind, TenantId, UserId};
use sharekeep_steps::{DurableStep, Moment, reached};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Largest file that is read: an honest one has under 1 kB.
const MAX_FILE_BYTES: usize = 16 * 1024;
const FIELDS: usize = 4;

/// A factor's key with what it is for.
pub struct FactorFile {
    pub(crate) kind: FactorKind,
    /// Which app.
    pub tenant: TenantId,
    /// Whose.
    pub user: UserId,
    /// Which factor.
    pub factor: FactorId,
    pub(crate) key: FileKey,
}

impl FactorFile {
    /// The text of a cloud file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut key = Zeroizing::new([0; 43]);
        // 32 bytes are 43 characters, so there is room.
        let _ = BASE64URL.encode_slice(self.key.as_bytes(), &mut key[..]);
        let key = std::str::from_utf8(&key[..]).unwrap_or_default();
        let Self { kind, tenant, user, factor, .. } = self;
        let mut text = Zeroizing::new(String::with_capacity(512));
        for part in ["sharekeep ", kind.as_str(), " 1\ntenant ", tenant.as_str(), "\nuser "] {
            text.push_str(part);
        }
        for part in [&user.to_string(), "\nfactor ", &factor.to_string(), "\nkey ", key, "\n"] {
            text.push_str(part);
        }
        text
    }

    /// Reads the text. `None` if it is anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        if text.len() > MAX_FILE_BYTES {
            return None;
        }
        let mut lines = text.trim_end().lines();
        let first = lines.next()?.strip_prefix("sharekeep ")?.strip_suffix(" 1")?;
        let kind = first.parse().ok()?;
        if !matches!(kind, FactorKind::ExportFile | FactorKind::CloudFile) {
            return None;
        }
        let lines: Vec<_> = lines.take(FIELDS + 1).collect();
        let [tenant, user, factor, key] = lines[..] else { return None };
        let mut bytes = Zeroizing::new([0; 33]);
        let written = BASE64URL.decode_slice(key.strip_prefix("key ")?, &mut bytes[..]).ok()?;
        Some(Self {
            kind,
            tenant: tenant.strip_prefix("tenant ")?.parse().ok()?,
            user: user.strip_prefix("user ")?.parse().ok()?,
            factor: factor.strip_prefix("factor ")?.parse().ok()?,
            key: FileKey::from_bytes(&bytes[..written]).ok()?,
        })
    }

    /// The armored age file of an export file.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no memory for it.
    pub fn encrypt(&self, passphrase: &Passphrase) -> Result<Vec<u8>> {
        seal_with_passphrase(self.to_text().as_bytes(), passphrase)
    }

    /// Opens what [`Self::encrypt`] made.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`] or [`Error::RecoveryFile`], both with the path.
    pub fn decrypt(file: &[u8], passphrase: &Passphrase, path: &Path) -> Result<Self> {
        let no_file = || Error::RecoveryFile { path: path.to_owned(), why: "is no export file" };
        let text = open_with_passphrase(file, passphrase, path).map_err(|error| match error {
            Error::WrongPassphrase(_) => error,
            _ => no_file(),
        })?;
        let file = std::str::from_utf8(&text).ok().and_then(Self::from_text).ok_or_else(no_file)?;
        if file.kind == FactorKind::ExportFile { Ok(file) } else { Err(no_file()) }
    }

    /// Reads a cloud file.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::RecoveryFile`].
    pub fn read_cloud_file(path: &Path) -> Result<Self> {
        let bytes = read_file(path)?;
        std::str::from_utf8(&bytes)
            .ok()
            .and_then(Self::from_text)
            .filter(|file| file.kind == FactorKind::CloudFile)
            .ok_or_else(|| Error::RecoveryFile { path: path.to_owned(), why: "is no cloud file" })
    }

    /// Reads an export file.
    ///
    /// # Errors
    /// As [`Self::decrypt`], and [`Error::File`].
    pub fn read_export_file(path: &Path, passphrase: &Passphrase) -> Result<Self> {
        Self::decrypt(&read_file(path)?, passphrase, path)
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES + 1));
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(Error::file(path))?;
    Ok(bytes)
}

/// Writes a secret into a new file that only its owner can read, and makes sure that it is on the
/// disk. An existing file is not overwritten: it may be the only copy of another secret. What an
/// interrupted write leaves is refused by whoever reads it, and is in the way of the next one.
///
/// # Errors
/// [`Error::File`].
pub fn write_secret_file(path: &Path, content: &[u8], step: DurableStep) -> Result<()> {
    reached(step, Moment::Before);
    create_secret_file(path, content)?;
    reached(step, Moment::After);
    Ok(())
}

/// The same of a secret that no step of a user's device makes.
///
/// # Errors
/// [`Error::File`].
pub fn create_secret_file(path: &Path, content: &[u8]) -> Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| File::open(directory.unwrap_or(Path::new(".")))?.sync_all())
        .map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::armor::ArmoredReader;
    use age::scrypt;

    const STEP: DurableStep = DurableStep::FactorFile;

    fn file(kind: FactorKind) -> FactorFile {
        FactorFile {
            kind,
            tenant: "demo".parse().unwrap(),
            user: UserId::new([1; 32]),
            factor: FactorId::new([2; 16]),
            key: FileKey::from_bytes(&[3; 32]).unwrap(),
        }
    }

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    /// What the public tool does: the standard decryptor for passphrases, on the armored file.
    #[test]
    fn an_export_file_opens_with_the_standard_decryptor() {
        let sealed = file(FactorKind::ExportFile).encrypt(&passphrase("one")).unwrap();
        assert!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
        let decryptor = age::Decryptor::new(ArmoredReader::new(&sealed[..])).unwrap();
        assert!(decryptor.is_scrypt());
        let identity = scrypt::Identity::new("one".to_owned().into());
        let mut text = String::new();
        decryptor
            .decrypt(std::iter::once(&identity as &dyn age::Identity))
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, *file(FactorKind::ExportFile).to_text());
        let shown = "sharekeep export-file 1\n\
             tenant demo\n\
             user AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n\
             factor AgICAgICAgICAgICAgICAg\n\
             key AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM\n";
        assert_eq!(text, shown);
    }

    #[test]
    fn an_export_file_comes_back_with_its_passphrase_only() {
        let sealed = file(FactorKind::ExportFile).encrypt(&passphrase("one")).unwrap();
        let path = Path::new("x");
        let back = FactorFile::decrypt(&sealed, &passphrase("one"), path).unwrap();
        assert_eq!((back.key.as_bytes(), back.factor), (&[3; 32], FactorId::new([2; 16])));
        let wrong = FactorFile::decrypt(&sealed, &passphrase("two"), path);
        assert!(matches!(wrong, Err(Error::WrongPassphrase(_))));
    }

    #[test]
    fn a_cloud_file_is_no_export_file_and_the_other_way_round() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let sealed = file(FactorKind::CloudFile).encrypt(&passphrase("one")).unwrap();
        let result = FactorFile::decrypt(&sealed, &passphrase("one"), &path);
        assert!(matches!(result, Err(Error::RecoveryFile { .. })));
        let text = file(FactorKind::ExportFile).to_text();
        write_secret_file(&path, text.as_bytes(), STEP).unwrap();
        let result = FactorFile::read_cloud_file(&path);
        assert!(matches!(result, Err(Error::RecoveryFile { .. })));
    }

    #[test]
    fn garbage_and_oversized_files_are_refused() {
        let good = file(FactorKind::CloudFile).to_text().to_string();
        assert!(FactorFile::from_text(&good).is_some());
        let more = format!("{good}surprise 1\n");
        let short = good.replace("key A", "key ");
        let long = format!("{good}{}", " ".repeat(MAX_FILE_BYTES));
        for bad in ["", "sharekeep", "sharekeep passcode 1\n", &more, &short, &long] {
            assert!(FactorFile::from_text(bad).is_none(), "{bad:.40}");
        }
        for bad in [&b""[..], b"-----BEGIN AGE ENCRYPTED FILE-----\n", &[0xff; 20_000]] {
            let result = FactorFile::decrypt(bad, &passphrase("one"), Path::new("x"));
            assert!(matches!(result, Err(Error::RecoveryFile { .. })));
        }
    }

    #[test]
    fn a_secret_file_is_for_its_owner_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("code");
        write_secret_file(&path, b"one", STEP).unwrap();
        assert!(matches!(write_secret_file(&path, b"two", STEP), Err(Error::File { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
