//! What a request must pass before it costs anything: sizes, signature, freshness, nonce, rate,
//! idempotency. These are cheap refusals that protect the service; the enclave checks everything
//! that protects a user again, from sealed records.

mod address;
mod edge;
mod idempotency;
mod incoming;
mod nonce;
mod precondition;
mod rate;
mod sealed_post;
mod signature;
mod signed_get;
mod tenant;

pub use address::ClientAddress;
pub use edge::Edge;
pub(crate) use edge::only_through;
pub(crate) use idempotency::{Begun, Claim, Outcome};
pub(crate) use incoming::Incoming;
pub(crate) use precondition::EntityTag;
pub(crate) use rate::{Bucket, BusyBuckets, RateSlot};
pub(crate) use sealed_post::{ConditionalPost, OpenSessionPost, Sealed, SealedPost};
pub(crate) use signed_get::SignedGet;
