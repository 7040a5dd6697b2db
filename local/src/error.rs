use std::path::{Path, PathBuf};

/// Why the embedded default cannot do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, a directory or a socket.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A network address on this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file in the data directory is not what this program writes.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another stack uses the data directory.
    #[error("{} is used by another running stack", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The embedded DynamoDB refuses.
    #[error("the embedded database: {0}")]
    Database(String),
    /// The stack stands on an emulated AWS, which has this in its own way.
    #[error("{0} of this stack is not in this process")]
    Elsewhere(&'static str),
    /// The functions' store refuses.
    #[error("the store: {0}")]
    Store(String),
    /// A key or a signature could not be made.
    #[error("cannot make {0}")]
    Key(&'static str),
    /// A release of the image cannot be made.
    #[error("the image's release")]
    Release(#[from] sharekeep_release::Error),
    /// TLS could not be set up.
    #[error("tls set-up failed")]
    Tls(#[from] rustls::Error),
    /// The software NSM or KMS refuses, or the host's part.
    #[error("the software {part}: {reason}")]
    Twin {
        /// Which.
        part: &'static str,
        /// Why.
        reason: String,
    },
    /// The enclave could not be started.
    #[error("the enclave: {0}")]
    Enclave(String),
    /// A process of the stack did not become ready, or ended.
    #[error("the {role} process {reason}; see {}", log.display())]
    Process {
        /// Which.
        role: &'static str,
        /// What it did.
        reason: String,
        /// Where it says why.
        log: PathBuf,
    },
    /// A secret is too short to be searched for.
    #[error("{name} is too short to search for")]
    NeedleTooShort {
        /// The needle's name.
        name: String,
    },
    /// More needles than one search can hold.
    #[error("too many needles for one search")]
    TooManyNeedles,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_owned(), source }
    }

    pub(crate) fn damaged(path: impl AsRef<Path>, reason: impl ToString) -> Self {
        Self::Damaged { path: path.as_ref().to_owned(), reason: reason.to_string() }
    }
}
