use sharekeep::ErrorKind;
use sharekeep_schemas::TenantId;
use std::path::PathBuf;

/// Everything that can go wrong on the operator's side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the user's half says too: files, passphrases, the service, its attestation.
    #[error(transparent)]
    Sharekeep(#[from] sharekeep::Error),
    /// A trust configuration or a document of a tenant is not accepted.
    #[error(transparent)]
    Trust(#[from] sharekeep_trust::Error),
    /// A release is not accepted.
    #[error("the release is not accepted: {0}")]
    Release(#[from] sharekeep_release::Error),
    /// A release does not come next: what devices saw never falls, so versions go up, in small steps.
    #[error("the next release has a version from {first} to {last}, and not {version}")]
    Version {
        /// The release's.
        version: u64,
        /// The lowest that it may have.
        first: u64,
        /// The highest.
        last: u64,
    },
    /// What is to be published withdraws less than what users are handed now.
    #[error(
        "these releases name {given} as the least version, and those that are published {published}: \
         devices that have not seen it would never learn what was withdrawn"
    )]
    Minimum {
        /// The minimum version of those that are to be published.
        given: u64,
        /// Of those that are.
        published: u64,
    },
    /// What users are handed now is not signed, or not by these keys, so nobody knows what it withdraws.
    #[error("what is published now is not accepted, so what it withdraws is not known: {0}")]
    Published(String),
    /// Somebody else published at the same time.
    #[error(
        "somebody published at the same time, and that holds: list the releases, then decide again"
    )]
    Overtaken,
    /// The manifest of an image is none, or of another image.
    #[error("the manifest: {0}")]
    Manifest(String),
    /// An argument or a file's content makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A key was made for something else.
    #[error("{} is a {found} key: a {wanted} key is needed", .path.display())]
    KeyUse {
        /// Which file.
        path: PathBuf,
        /// What it is for.
        found: crate::KeyUse,
        /// What it must be for.
        wanted: crate::KeyUse,
    },
    /// The key is none of the trust configuration's: enclaves would refuse what it signs.
    #[error("the trust configuration does not have this key for it")]
    AnotherKey,
    /// The document does not come after the current one.
    #[error("serial {serial} does not come after {current}, the current one of {tenant}")]
    NotNewer {
        /// Whose document.
        tenant: TenantId,
        /// The document's serial.
        serial: u64,
        /// The current one's.
        current: u64,
    },
    /// There is no document of this tenant.
    #[error("there is no document of the tenant {0}")]
    NoTenant(TenantId),
    /// The stored document is not the one that was written, or not one that the operator signed.
    #[error("the stored document of {tenant} is not to be trusted: {why}")]
    Stored {
        /// Whose document.
        tenant: TenantId,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The table of tenants cannot be used.
    #[error("the table of tenants: {0}")]
    Store(#[source] sharekeep_functions::Error),
}

impl From<sharekeep_functions::Error> for Error {
    fn from(error: sharekeep_functions::Error) -> Self {
        match error {
            sharekeep_functions::Error::StoreBroken(code)
                if code == "ResourceNotFoundException" =>
            {
                let why = "there is no table of tenants of that prefix, in this region and account";
                Self::Usage(why.to_owned())
            }
            error => Self::Store(error),
        }
    }
}

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What sort of failure it is; each has an exit code of its own.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Sharekeep(error) => error.kind(),
            Self::Trust(sharekeep_trust::Error::Unsigned)
            | Self::Stored { .. }
            | Self::Published(_) => ErrorKind::Trust,
            Self::Release(
                sharekeep_release::Error::TooFew { .. }
                | sharekeep_release::Error::Deployment { .. }
                | sharekeep_release::Error::Withdrawn { .. },
            ) => ErrorKind::Trust,
            Self::Release(_) | Self::Manifest(_) | Self::Version { .. } => ErrorKind::Usage,
            Self::Trust(_) | Self::Usage(_) | Self::KeyUse { .. } | Self::AnotherKey => {
                ErrorKind::Usage
            }
            Self::NotNewer { .. } | Self::NoTenant(_) => ErrorKind::Refused,
            Self::Minimum { .. } | Self::Overtaken => ErrorKind::Refused,
            Self::Store(sharekeep_functions::Error::Setting(_)) => ErrorKind::Usage,
            Self::Store(sharekeep_functions::Error::StoreUnavailable(_)) => ErrorKind::Unavailable,
            Self::Store(_) => ErrorKind::Refused,
        }
    }
}
