use std::path::PathBuf;
use std::time::Duration;

/// Why there is no guest that runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is not named by the environment.
    #[error("{0} is not set: `./dev test vm` sets it")]
    NoTool(&'static str),
    /// A file or socket of the machine's folder can't be made, read or listened at.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program does not start or can't be waited for.
    #[error("cannot run {program}")]
    Program {
        /// Which.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The security module's device could not be set up.
    #[error("no device for the security module: {0}")]
    Device(String),
    /// A program that should run has ended, QEMU for example because the guest has.
    #[error("{program} ended; its last lines:\n{last_lines}")]
    Ended {
        /// Which.
        program: PathBuf,
        /// Of the guest's console, if it was QEMU.
        last_lines: String,
    },
    /// The guest sent no heartbeat.
    #[error("no heartbeat within {after:?}; the console's last lines:\n{last_lines}")]
    Silent {
        /// How long was waited.
        after: Duration,
        /// Of the guest's console.
        last_lines: String,
    },
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
