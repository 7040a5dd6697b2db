//! The targets, a file for each folder of the product.

pub(crate) mod channel;
pub(crate) mod client;
pub(crate) mod enclave;
pub(crate) mod functions;
pub(crate) mod host;
pub(crate) mod image;
pub(crate) mod messages;
pub(crate) mod mpc;
pub(crate) mod recovery;
pub(crate) mod release;
pub(crate) mod schemas;
