//! What a child process does in its role.

mod enclave;
mod functions;

pub use enclave::run as run_enclave;
pub use functions::run as run_functions;
