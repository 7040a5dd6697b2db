//! The embedded default: the whole service on one machine, for development, demonstration and
//! tests. The same routers and the same enclave core as in production, with twins for what only
//! AWS has.
//!
//! Three processes: the *supervisor* holds the [`world`] (an embedded DynamoDB, a software KMS and
//! NSM, a development identity provider, the egress proxy), the *enclave* and the *functions* are
//! processes of their own. [`Stack`](stack::Stack) runs the same parts as tasks in one process.
//!
//! It trusts the machine it runs on: whoever reads the data directory holds the master key, so
//! nothing here protects real money. What it shows is that the parts hold no more than they
//! should: functions and store see only ciphertext here too.
//!
//! ```no_run
//! # async fn example() -> Result<(), sharekeep_local::Error> {
//! use sharekeep_local::stack::Stack;
//! let stack = Stack::start(std::path::Path::new("/tmp/sharekeep")).await?;
//! println!("{}, users of {}", stack.base_url(), stack.identity_provider().url());
//! stack.stop().await;
//! # Ok(())
//! # }
//! ```

pub mod assemble;
mod background;
mod data_dir;
mod error;
pub mod identity_provider;
pub mod process;
mod reveal;
pub mod roles;
pub mod secrecy;
pub mod stack;
mod tls;
pub mod world;

pub use data_dir::DataDir;
pub use error::Error;
pub use reveal::{dump_store, reveal_secrets, secret_scalar};
