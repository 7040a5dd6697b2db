//! What release signers said of the enclave's images. Unsigned by any session: it comes before one.

pub(crate) mod list;
