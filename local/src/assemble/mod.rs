//! Puts functions and enclave together from their own crates, with the twins in the ports. Both
//! ways to run the stack, as processes and as tasks, use this.

mod clock;
mod enclave;
mod functions;
mod nsm;

pub use clock::AdjustableClock;
pub use enclave::{EnclaveParts, build_enclave};
pub use functions::{build_functions, connect_store, provision_signed, provision_store};
