//! The software twin of the Nitro security module.

mod device;
mod document;
mod leaf;
mod root;

pub use device::SoftNsm;
pub use document::DocumentFlaw;
pub use leaf::NsmLeaf;
pub use root::{LeafFlaw, NsmRoot};
