//! The functions against the embedded DynamoDB and scripted enclaves.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod answer;
mod backup;
mod described;
mod edge;
mod exchange;
mod faults;
mod fleet;
mod gate;
mod groups;
mod idempotency;
mod layout;
mod line;
mod listing;
mod logs;
mod lying_host;
mod rates;
mod recovery;
mod scripted;
mod store;
mod world;
