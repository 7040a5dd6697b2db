//! Flows across crates, and what they need: a stack in a temporary directory, on an emulated AWS
//! ([`aws`]) or with the shipped image as its enclave ([`guests`]), and a client made by hand whose
//! requests a test can bend before they leave.
//!
//! The tests are in `flows/`, one binary, since each would link the whole stack, in `crashes/` and in
//! `vm/`; what more than one of them runs is in [`flow`]. This crate trusts nothing and is part of no
//! program. It unwraps where a test could not go on anyway.
//!
//! ```no_run
//! # async fn example() {
//! use sharekeep_tests::{Deployment, User};
//! let deployment = Deployment::start().await;
//! let mut alice = User::arrive(&deployment, "alice").await;
//! alice.sign_in().await;
//! # }
//! ```
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![allow(missing_docs, reason = "read by the tests beside it only")]

pub mod aws;
pub mod ceremony;
pub mod deployment;
pub mod flow;
pub mod guests;
pub mod hostile;
pub mod message;
pub mod passcode;
pub mod phone;
pub mod primes;
pub mod recovery;
pub mod request;
pub mod user;

pub use deployment::{Deployment, Processes, Site};
pub use phone::Phone;
pub use request::{Answer, Request};
pub use user::{SealedPost, User};
