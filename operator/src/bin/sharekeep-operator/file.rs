//! Files that are read whole and written once.

use sharekeep_operator::Result;
use sharekeep_schemas::trust::MAX_TRUST_BYTES;
use sharekeep_trust::Trust;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

/// Largest file that is read: documents and configurations have at most 64 KiB, certificates less.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|f| f.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    let length = read.map_err(|source| failed(path, source))?;
    if length as u64 > MAX_FILE_BYTES {
        let why = format!("{} is too large", path.display());
        return Err(sharekeep_operator::Error::Usage(why));
    }
    Ok(bytes)
}

/// Reads a text.
pub(crate) fn text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| sharekeep_operator::Error::Usage(format!("{} is not text", path.display())))
}

/// Reads the trust configuration.
pub(crate) fn trust(path: &Path) -> Result<Trust> {
    const { assert!(MAX_TRUST_BYTES as u64 <= MAX_FILE_BYTES) };
    Ok(Trust::from_bytes(&read(path)?)?)
}

/// Writes a new file. One that exists is not overwritten: it may be the one in use.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> sharekeep_operator::Error {
    sharekeep::Error::File { path: path.to_owned(), source }.into()
}
