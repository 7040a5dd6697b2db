//! Releases: which images of the enclave may answer, said by people and signed m-of-n.
//!
//! One job: write, sign and verify a [`Release`], and keep the set of [`Releases`] that a verifier
//! accepts. A deployment's enclave is trusted because of what was measured of it; this crate decides
//! which measurements those are. Several releases hold at a time, so that an old image and a new one
//! can serve side by side; one with a higher minimum version withdraws all that are below, for ever.
//!
//! **Trusts** the [`ReleaseKeys`] that the caller pins, and nothing else: where a release comes from
//! does not matter. **Does not trust** anything in a text before enough signatures are verified: sizes
//! and counts are capped before anything is parsed, fields that are not known are refused, and of
//! everything there is one text only. Pure: no I/O.
//!
//! ```
//! use ed25519_dalek::SigningKey;
//! use sharekeep_release::{Release, ReleaseKeys, Releases, SignedRelease};
//! # use sharekeep_channel::attestation::PcrSet;
//! let signers = [1, 2, 3].map(|seed| SigningKey::from_bytes(&[seed; 32]));
//! let keys = signers.iter().map(|key| (&key.verifying_key()).try_into().unwrap());
//! let keys = ReleaseKeys::new("shop", 2, keys).unwrap();
//!
//! let measurements = PcrSet::from([[1; 48], [2; 48], [3; 48]]);
//! let release = Release::new("shop", 1, 1, measurements, None).unwrap();
//! let mut signed = SignedRelease::unsigned(release);
//! signed.sign(&signers[0]).unwrap();
//! assert!(keys.verify(&signed).is_err(), "one alone releases nothing");
//! signed.sign(&signers[2]).unwrap();
//!
//! let mut accepted = Releases::none();
//! accepted.add(&keys, signed).unwrap();
//! assert_eq!(accepted.of_image(&measurements).unwrap().version(), 1);
//! ```

mod accepted;
mod error;
mod key;
mod keys;
mod release;
mod signed;
mod text;

pub use accepted::{MAX_RELEASES, MAX_RELEASES_BYTES, Releases};
pub use error::Error;
pub use key::ReleaseKey;
pub use keys::{MAX_KEYS, ReleaseKeys};
pub use release::{MAX_VERSION, ManifestHash, Release};
pub use signed::{MAX_SIGNED_RELEASE_BYTES, SignedRelease, Verified};

#[cfg(test)]
mod tests;
