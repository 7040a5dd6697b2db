//! The image that is shipped, booted in a virtual machine: what the flows elsewhere show of the
//! enclave's code holds for what is measured, and runs on a kernel and over vsock.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod changed_image;
mod hardening;
mod kms;
mod load;
mod stories;
