//! Who the enclave is. Unsigned: it comes before anything else.

pub(crate) mod get;
