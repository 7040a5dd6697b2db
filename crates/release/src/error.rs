use sharekeep_channel::attestation::PcrSet;

/// Why a release or the keys for it are not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More bytes than any of these texts has.
    #[error("more than {0} bytes")]
    TooLarge(usize),
    /// Not the one text that says this, with every field that is known and no other.
    #[error("it is not written as this program writes it: {0}")]
    Text(String),
    /// It says something that cannot be.
    #[error("{0}")]
    Impossible(&'static str),
    /// Not a public key (Ed25519), or a weak one.
    #[error("not a public key: 64 lower-case hexadecimal digits")]
    Key,
    /// The release is of another deployment than the keys.
    #[error("it is a release of {found:?}, not of {wanted:?}")]
    Deployment {
        /// What the release says.
        found: String,
        /// What the keys are for.
        wanted: String,
    },
    /// Fewer of the keys have signed than must.
    #[error("{signed} of the release keys signed it, and {threshold} must")]
    TooFew {
        /// How many of the keys have a signature that verifies.
        signed: usize,
        /// How many it takes.
        threshold: usize,
    },
    /// A later release took this one back.
    #[error("release {version} was withdrawn: {minimum_version} is the least that is accepted")]
    Withdrawn {
        /// The release's version.
        version: u64,
        /// The highest minimum that was ever seen.
        minimum_version: u64,
        /// The image that it is about.
        measurements: Box<PcrSet>,
    },
    /// Two things were signed as one version: which of them is meant, only the signers know.
    #[error("another release {0} was accepted before: let the signers release a higher version")]
    Doubled(u64),
    /// As many later releases are accepted as are kept. What it withdrew is withdrawn.
    #[error("release {0} gave way to later ones: no more than 32 are kept")]
    GaveWay(u64),
    /// Signatures of different releases are not put together.
    #[error("these are different releases")]
    Different,
}
