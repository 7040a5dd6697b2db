/// Why an image can't be made, or is not the one that it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A ramdisk's entry has a name that could mean another place, or none.
    #[error("{0:?} is no plain relative path")]
    Path(String),
    /// Two entries of a ramdisk have one name, or a file is where a folder must be.
    #[error("{0:?} is in the ramdisk twice, or both a file and a folder")]
    Twice(String),
    /// Something is larger than its format can say, or than anything here should be.
    #[error("{0} is too large")]
    TooLarge(&'static str),
    /// The command line is not one line of printable ASCII.
    #[error("the command line must be one line of printable ASCII")]
    CommandLine,
    /// An image needs a ramdisk to start and one with the program; the format ends at 28.
    #[error("an image has 2 to 28 ramdisks, not {0}")]
    Ramdisks(usize),
    /// The bytes are no image that this crate would have written.
    #[error("not an enclave image of ours: {0}")]
    Eif(&'static str),
    /// The trust configuration is one that an enclave would refuse.
    #[error(transparent)]
    Trust(#[from] sharekeep_trust::Error),
    /// The enclave's program names what only stand-ins, tests and other systems have.
    #[error("the enclave's program must not name {0:?}")]
    Foreign(Vec<&'static str>),
    /// The text is no manifest as this crate writes it.
    #[error("not a manifest: {0}")]
    Manifest(String),
    /// An image is not the one that a manifest describes.
    #[error("the image is not the manifest's: {0} differs")]
    Differs(String),
}
