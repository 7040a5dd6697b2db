//! The user's recovery key, changes of factors, and the taking over of wallets by a new device.

pub(crate) mod change;
pub(crate) mod open;
pub(crate) mod restore;
