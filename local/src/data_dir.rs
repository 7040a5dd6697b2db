//! The data directory: what a stack keeps from one start to the next.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::Error;

/// Only the user who runs the stack may look.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The folders of a data directory, made at first start with mode 0700.
///
/// | place | what |
/// |---|---|
/// | `store/` | the embedded DynamoDB |
/// | `kms/` | the software KMS's master key |
/// | `nsm/` | the software NSM's root |
/// | `ca/` | the development certificate authority |
/// | `idp/` | the identity provider's keys and the test users' passwords |
/// | `operator/` | the keys that sign tenant documents and release manifests |
/// | `tenants/` | signed tenant documents |
/// | `trust.cbor` | the trust configuration |
/// | `releases/` | a release of each image that ran here |
/// | `root.der`, `release-keys.json`, `ca.pem` | what a client is told to trust |
/// | `logs/`, `run/` | the processes' logs; sockets |
pub struct DataDir {
    root: PathBuf,
    // Holds the advisory lock while the stack runs.
    _lock: File,
}

impl DataDir {
    /// Opens or makes a data directory and takes it for this process.
    ///
    /// # Errors
    /// [`Error::InUse`] while another stack runs on it; [`Error::Io`].
    pub fn open(root: &Path) -> Result<Self, Error> {
        make_dir(root)?;
        // Sockets have short path limits, and children may start elsewhere.
        let root = root.canonicalize().map_err(|e| Error::io("find", root, e))?;
        for name in
            ["store", "kms", "nsm", "ca", "idp", "operator", "tenants", "releases", "logs", "run"]
        {
            make_dir(&root.join(name))?;
        }
        let lock_path = root.join("run/lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(FILE_MODE)
            .open(&lock_path)
            .map_err(|e| Error::io("open", &lock_path, e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root, _lock: lock }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::InUse { path: root }),
            Err(std::fs::TryLockError::Error(e)) => Err(Error::io("lock", &lock_path, e)),
        }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A place inside.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }
}

fn make_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(DIR_MODE)))
        .map_err(|e| Error::io("make", path, e))
}

/// Reads a file that may not be there yet.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", path, e)),
    }
}

/// Replaces a file so that a crash leaves the old or the new content, never half of one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fresh = path.with_extension("new");
    let written = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(FILE_MODE)
        .open(&fresh)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&fresh, path))
        .and_then(|()| File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all());
    written.map_err(|e| Error::io("write", path, e))
}

/// Reads what an earlier start kept, or makes and keeps it.
pub(crate) fn read_or_create(
    path: &Path,
    create: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, Error>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if let Some(bytes) = read(path)? {
        return Ok(bytes);
    }
    let bytes = create()?;
    write(path, &bytes)?;
    Ok(bytes)
}

/// A secret of 32 random bytes, kept in a file.
pub(crate) fn secret_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, Error> {
    let bytes = read_or_create(path, || {
        let mut fresh = Zeroizing::new(vec![0; 32]);
        getrandom::fill(&mut fresh).map_err(|_| Error::Key("random bytes"))?;
        Ok(fresh)
    })?;
    let key = bytes[..].try_into().map_err(|_| Error::damaged(path, "not 32 bytes"))?;
    Ok(Zeroizing::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_stack_on_the_same_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DataDir::open(dir.path()).unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(Error::InUse { .. })));
    }

    #[test]
    fn nobody_else_may_look() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("data")).unwrap();
        secret_key(&data.path("kms/master-key")).unwrap();
        let mode = |p: &str| std::fs::metadata(data.path(p)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("kms"), 0o700);
        assert_eq!(mode("kms/master-key"), 0o600);
    }

    #[test]
    fn a_key_is_kept_and_a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let first = secret_key(&path).unwrap();
        assert_eq!(*first, *secret_key(&path).unwrap());
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(secret_key(&path), Err(Error::Damaged { .. })));
    }
}
