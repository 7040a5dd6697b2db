use std::path::PathBuf;
use thiserror::Error;

/// Everything that can go wrong in the twins' own machinery. What the KMS refuses is answered over
/// its protocol instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of keys could not be read or written.
    #[error("can't access {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A certificate could not be made, or a stored key can't be used.
    #[error("certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The bytes of an NSM leaf are not what [`NsmLeaf::to_bytes`](crate::NsmLeaf::to_bytes) gave.
    #[error("nsm leaf is malformed")]
    LeafMalformed,
    /// A field is longer than the device accepts.
    #[error("input is too large for the nsm")]
    InputTooLarge,
    /// A data key's ciphertext did not open.
    #[error("ciphertext does not open")]
    Ciphertext,
    /// The system gave no random bytes, or the cryptographic library failed.
    #[error("cryptographic library failed")]
    Library,
}
