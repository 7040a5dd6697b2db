//! Software twins of what only AWS has, for the embedded default and for tests: a Nitro security
//! module that signs real ES384 documents under a root of its own ([`SoftNsm`]), a KMS that hands
//! data keys only to attested images ([`SoftKms`]), and a development certificate authority
//! ([`DevCa`]).
//!
//! Nothing here protects anything. The keys of NSM root, KMS and authority lie in files; who reads
//! them can attest any image and open every data key. Therefore the release enclave can't contain
//! this crate: only `local` and tests depend on it, and a test of the enclave's dependency graph
//! proves it. What the twins *check*, they check as strictly as the real ones, so that code which
//! passes here has met the real conditions: documents are verified, contexts are bound, plaintext
//! keys are never returned. The KMS does not check request signatures (SigV4).
//!
//! ```
//! use sharekeep_testkit::{NsmRoot, SoftNsm};
//! # fn main() -> Result<(), sharekeep_testkit::Error> {
//! let root = NsmRoot::ephemeral()?;
//! let nsm = SoftNsm::new(root.issue_leaf("i-0test-enc1", [[1; 48]; 3])?);
//! let document = nsm.attest(None, Some(b"a challenge"), None)?;
//! assert_eq!(document[0], 0x84, "an untagged COSE_Sign1");
//! # Ok(())
//! # }
//! ```

mod authority;
mod certificate;
mod error;
mod kms;
mod nsm;
mod stored;

pub use authority::{DevCa, IssuedServer};
pub use error::Error;
pub use kms::{EnvelopeForm, KmsFault, SoftKms, SoftKmsSettings, kms_router};
pub use nsm::{DocumentFlaw, LeafFlaw, NsmLeaf, NsmRoot, SoftNsm};

/// PCR0, PCR1 and PCR2 of an image.
pub type Measurements = [[u8; 48]; 3];
