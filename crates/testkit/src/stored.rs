use crate::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// A certificate authority's key (PKCS #8) and certificate, both DER.
pub(crate) struct Stored {
    pub(crate) key_pkcs8: Zeroizing<Vec<u8>>,
    pub(crate) certificate_der: Vec<u8>,
}

impl Stored {
    /// Reads `<stem>.key` and `<stem>.der` in `directory`, or makes and writes both. A key without
    /// its certificate is the rest of an interrupted start and has signed nothing: made anew.
    pub(crate) fn load_or_create(
        directory: &Path,
        stem: &str,
        make: impl FnOnce() -> Result<Self, Error>,
    ) -> Result<Self, Error> {
        let key_path = directory.join(format!("{stem}.key"));
        let certificate_path = directory.join(format!("{stem}.der"));
        if let (Some(key), Some(certificate_der)) = (read(&key_path)?, read(&certificate_path)?) {
            return Ok(Self { key_pkcs8: Zeroizing::new(key), certificate_der });
        }
        let made = make()?;
        fs::create_dir_all(directory).map_err(|source| at(directory, source))?;
        write(&key_path, &made.key_pkcs8)?;
        write(&certificate_path, &made.certificate_der)?;
        Ok(made)
    }
}

fn at(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), source }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path, error)),
    }
}

/// Writes beside and renames, so that no reader meets half a file.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(|source| at(&beside, source))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|source| at(path, source))
}
