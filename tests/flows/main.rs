//! Flows across crates, on the whole stack: functions, enclave, store, KMS, identity provider.
//!
//! Each refusal is asserted with its stable problem code, and with what it left in the store.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod backups;
mod ceremonies;
mod changes;
mod concurrency;
mod devices;
mod encapsulation;
mod fleet;
mod host;
mod hostile_function;
mod hostile_store;
mod isolation;
mod items;
mod kms_away;
mod main_job;
mod messages;
mod on_aws;
mod passcodes;
mod recovery;
mod restart;
mod restore;
mod rollover;
mod secrecy;
mod sign_in;
mod signatures;
mod tokens;
mod traffic;
