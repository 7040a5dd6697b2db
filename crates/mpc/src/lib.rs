//! The ceremonies of Sharekeep: key generation, preparation and signing, as pure state machines.
//!
//! One job: turn messages from the other parties into messages to them, and in the end into a key
//! share, a preparation or a signature. The crate does no input or output, keeps no clock, starts
//! no thread; device and enclave run the same code.
//!
//! **Trusts** its caller for three things: that a [`WireMessage`]'s `from` was authenticated, that
//! a message between two parties was kept secret from everyone else, and that an [`ExecutionId`]
//! is never used twice. **Does not trust** any byte of a message, nor that messages arrive
//! complete, once, or in order: every such fault ends the ceremony with a [`Fault`] that names the
//! party where the protocol can tell, and sizes are checked before anything is parsed.
//!
//! ```
//! use rand_core::OsRng;
//! use sharekeep_mpc::{ExecutionId, PartyIndex, Roster, Scheme, keygen};
//!
//! // Two parties in one process; in production each lives at its own end of a room.
//! let [a, b] = [PartyIndex(0), PartyIndex(1)];
//! let execution = ExecutionId::from_bytes([7; 32]); // production: `ExecutionBinding::id`
//! let roster = |me| Roster::new(me, &[a, b]);
//! let mut client = keygen(Scheme::EddsaEd25519, execution, roster(a)?, 2, &mut OsRng)?;
//! let mut server = keygen(Scheme::EddsaEd25519, execution, roster(b)?, 2, &mut OsRng)?;
//!
//! let mut up = client.step(vec![])?;
//! while !up.is_empty() {
//!     let down = server.step(up)?; // one round trip
//!     up = client.step(down)?;
//! }
//! let (mine, theirs) = (client.take_output().unwrap(), server.take_output().unwrap());
//! assert_eq!(mine.public_key(), theirs.public_key());
//! # Ok::<(), sharekeep_mpc::Fault>(())
//! ```

#[cfg(all(feature = "backend-rug", feature = "backend-num-bigint"))]
compile_error!(
    "sharekeep-mpc: both big-integer back ends are on (the Paillier library would silently use \
     num-bigint): enable exactly one of `backend-rug` and `backend-num-bigint`"
);
#[cfg(not(any(feature = "backend-rug", feature = "backend-num-bigint")))]
compile_error!("sharekeep-mpc: enable one of `backend-rug` and `backend-num-bigint`");

// Another crate of the build can switch num-bigint on behind our back (features are united), and
// the library then prefers it without a word: with this line, the types differ and nothing builds.
#[cfg(all(feature = "backend-rug", not(feature = "backend-num-bigint")))]
const _: fn(paillier_zk::backend::Integer) -> paillier_zk::backend::rug::Integer = |n| n;

mod ceremony;
mod entropy;
mod execution;
mod fault;
mod keygen;
mod party;
mod possession;
mod protocol;
pub mod safe_prime;
mod sealing;
mod share;
mod signature;
mod taproot;
mod wire;

pub use ceremony::{Ceremony, Phase};
pub use execution::{ExecutionBinding, ExecutionId, Purpose};
pub use fault::Fault;
pub use keygen::keygen;
pub use party::{MAX_PARTIES, PartyIndex, Roster};
pub use possession::{PossessionBinding, PossessionProof};
pub use protocol::{Preparation, Preparing, Signed, prepare, sign};
pub use share::{KeyShare, PublicKey};
pub use sharekeep_schemas::{Protocol, Scheme};
pub use signature::{Prehash, SchnorrKey, Signature, SigningInput};
pub use taproot::taproot_output_key;
pub use wire::{MAX_BODY_BYTES, WireMessage};
