//! Files that are whole or not there: written beside, synced, renamed over, directory synced.

use crate::{Error, Result};
use rand_core::{OsRng, RngCore};
use sharekeep_steps::{DurableStep, Moment, reached};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Files are for the owner's eyes only.
pub(super) const FILE_MODE: u32 = 0o600;
/// Directories too.
pub(super) const DIRECTORY_MODE: u32 = 0o700;
/// What an interrupted write leaves behind ends with this.
pub(super) const UNFINISHED: &str = ".unfinished";

/// Replaces `path` by `bytes`. After a crash at any moment the file holds either the old bytes or
/// the new ones. Which step of the client this is, is said by who calls.
pub(super) fn write(path: &Path, bytes: &[u8], step: DurableStep) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = directory.join(format!(".{name}.{:016x}{UNFINISHED}", OsRng.next_u64()));
    let result = fill(&beside, bytes)
        .and_then(|()| {
            reached(step, Moment::Before);
            fs::rename(&beside, path).map_err(Error::file(path))
        })
        .and_then(|()| sync_directory(directory));
    if result.is_err() {
        // Nothing more can be done when this fails too; the next start sweeps it up.
        let _ = fs::remove_file(&beside);
    } else {
        reached(step, Moment::After);
    }
    result
}

/// Moves a file. After a crash it is in one of the two places.
pub(super) fn rename(from: &Path, to: &Path, step: DurableStep) -> Result<()> {
    reached(step, Moment::Before);
    fs::rename(from, to).map_err(Error::file(from))?;
    sync_directory(from.parent().unwrap_or(Path::new(".")))?;
    reached(step, Moment::After);
    Ok(())
}

/// Removes a file for good. It is no error if it is gone already.
pub(super) fn remove(path: &Path, step: DurableStep) -> Result<()> {
    reached(step, Moment::Before);
    match fs::remove_file(path) {
        Ok(()) => {
            sync_directory(path.parent().unwrap_or(Path::new(".")))?;
            reached(step, Moment::After);
            Ok(())
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::file(path)(e)),
    }
}

/// Reads a file of at most `limit` bytes; `None` if there is none.
pub(super) fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    Ok(read_into(&mut bytes, path, limit)?.then_some(bytes))
}

/// The same of a secret that nothing protects.
pub(super) fn read_secret(path: &Path, limit: usize) -> Result<Option<Zeroizing<Vec<u8>>>> {
    // A buffer that never moves leaves no copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    Ok(read_into(&mut bytes, path, limit)?.then_some(bytes))
}

/// Says whether there is such a file.
fn read_into(bytes: &mut Vec<u8>, path: &Path, limit: usize) -> Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::file(path)(e)),
    };
    file.take(limit as u64 + 1).read_to_end(bytes).map_err(Error::file(path))?;
    if bytes.len() > limit { Err(Error::Damaged(path.to_owned())) } else { Ok(true) }
}

/// Makes a directory that only the owner can enter, and its parents.
pub(super) fn make_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
        .map_err(Error::file(path))?;
    // It may have existed with other permissions.
    fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE)).map_err(Error::file(path))
}

/// Removes what interrupted writes left in a directory.
pub(super) fn sweep(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory).map_err(Error::file(directory))? {
        let entry = entry.map_err(Error::file(directory))?;
        if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
            // No step: what is interrupted here never was a file of the home.
            fs::remove_file(entry.path()).map_err(Error::file(&entry.path()))?;
        }
    }
    Ok(())
}

fn fill(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(Error::file(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::file(path))
}

fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|d| d.sync_all()).map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: DurableStep = DurableStep::HomeKey;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_leftovers() {
        let directory = tempfile::tempdir().unwrap();
        // A directory cannot be replaced by a file: the rename fails after the bytes are written.
        let target = directory.path().join("taken");
        fs::create_dir_all(target.join("inside")).unwrap();
        assert!(write(&target, b"new", STEP).is_err());
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(names.len(), 1);
        assert!(target.join("inside").is_dir());
    }

    #[test]
    fn an_interrupted_write_is_swept_up_and_the_old_file_still_counts() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("file");
        write(&target, b"old", STEP).unwrap();
        // What a crash between writing and renaming leaves.
        fill(&directory.path().join(format!(".file.01{UNFINISHED}")), b"half").unwrap();
        sweep(directory.path()).unwrap();
        assert_eq!(read(&target, 16).unwrap().unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn files_are_for_the_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("file");
        fs::write(&target, b"open to all").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        write(&target, b"secret", STEP).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, FILE_MODE);
    }

    #[test]
    fn a_file_over_its_limit_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("file");
        write(&target, &[0; 9], STEP).unwrap();
        assert!(matches!(read(&target, 8), Err(Error::Damaged(_))));
        assert!(matches!(read_secret(&target, 8), Err(Error::Damaged(_))));
        assert_eq!(read(&target, 9).unwrap().unwrap().len(), 9);
    }

    #[test]
    fn a_secret_is_read_into_a_buffer_that_need_not_grow() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("file");
        assert!(read_secret(&target, 9).unwrap().is_none());
        write(&target, &[7; 9], STEP).unwrap();
        let secret = read_secret(&target, 9).unwrap().unwrap();
        assert_eq!((secret.as_slice(), secret.capacity()), (&[7; 9][..], 10));
    }
}
