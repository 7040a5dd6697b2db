use std::env;
use std::path::PathBuf;

use crate::Error;

/// The programs that a machine is made of.
#[derive(Clone, Debug)]
pub struct Tools {
    /// QEMU for x86_64, or something that takes its arguments and becomes it.
    pub qemu: PathBuf,
    /// `vhost-device-vsock`.
    pub vsock: PathBuf,
}

impl Tools {
    /// As `./dev test vm` has prepared them: `SHAREKEEP_TEST_QEMU` and `SHAREKEEP_TEST_VSOCK`.
    ///
    /// # Errors
    /// [`Error::NoTool`].
    pub fn from_env() -> Result<Self, Error> {
        let named = |name| env::var_os(name).map(PathBuf::from).ok_or(Error::NoTool(name));
        Ok(Self { qemu: named("SHAREKEEP_TEST_QEMU")?, vsock: named("SHAREKEEP_TEST_VSOCK")? })
    }
}
