//! The Nitro security module as a device of the machine.

mod answer;
mod device;

pub(crate) use device::{attach, device_argument};
