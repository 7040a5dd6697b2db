//! Flows across crates.
