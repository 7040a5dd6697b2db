//! Decodes, describes and hashes what is to be signed.
