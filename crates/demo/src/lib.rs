//! Drives the stack and the command the way a user does, and checks what they make with code of
//! its own. `./dev demo` tells the story; `./dev bench` measures through the same stack.
//!
//! It trusts nothing that the product says of itself: signatures are verified by other libraries
//! (C libsecp256k1, another RLP, aws-lc's Ed25519, Bitcoin serialised by hand), and secrets are
//! searched for in files, logs and memory; where anything can be planted, a planted value was found first.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let programs = sharekeep_demo::Programs::beside_this_one()?;
//! let stack = programs.start_stack(std::path::Path::new(".cache/demo/data"), 8787, &[])?;
//! println!("{}", stack.fact("url")?);
//! stack.stop()
//! # }
//! ```

mod command;
mod programs;
mod stack;
pub mod verify;

pub use command::{User, text, utf8};
pub use programs::Programs;
pub use stack::{Stack, free_port};
