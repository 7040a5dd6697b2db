//! Secrets under a passphrase in age's standard armored form (<https://age-encryption.org/v1>):
//! `age -d` opens them.

use crate::home::{Passphrase, SCRYPT_LOG_N, SCRYPT_LOG_N_LIMIT, decrypt};
use crate::{Error, Result};
use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, scrypt};
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Largest file that is opened: an honest one has under 1 kB.
const MAX_FILE_BYTES: usize = 16 * 1024;

/// Seals a secret under a passphrase.
///
/// # Errors
/// [`Error::Usage`] if there is no memory for it.
pub fn seal_with_passphrase(secret: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>> {
    let failed = || Error::Usage("the file cannot be encrypted".to_owned());
    let mut recipient = scrypt::Recipient::new(passphrase.secret());
    recipient.set_work_factor(SCRYPT_LOG_N);
    let sealed = age::encrypt(&recipient, secret).map_err(|_| failed())?;
    let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)
        .and_then(|mut writer| writer.write_all(&sealed).map(|()| writer))
        .and_then(ArmoredWriter::finish);
    armored.map_err(|_| failed())
}

/// Opens what [`seal_with_passphrase`] made. The path is for the error.
///
/// # Errors
/// [`Error::WrongPassphrase`], or [`Error::Damaged`] if it is no such file.
pub fn open_with_passphrase(
    file: &[u8],
    passphrase: &Passphrase,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>> {
    let damaged = || Error::Damaged(path.to_owned());
    if file.len() > MAX_FILE_BYTES {
        return Err(damaged());
    }
    let mut binary = Vec::new();
    ArmoredReader::new(file)
        .take(MAX_FILE_BYTES as u64)
        .read_to_end(&mut binary)
        .map_err(|_| damaged())?;
    let mut opener = scrypt::Identity::new(passphrase.secret());
    opener.set_max_work_factor(SCRYPT_LOG_N_LIMIT);
    decrypt(&opener, &binary).map_err(|error| match error {
        DecryptError::DecryptionFailed
        | DecryptError::KeyDecryptionFailed
        | DecryptError::NoMatchingKeys => Error::WrongPassphrase(path.to_owned()),
        _ => damaged(),
    })
}
