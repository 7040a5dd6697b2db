//! Makes unsigned transactions and checks signed ones with code other than the product's.

pub(crate) mod bitcoin;
pub(crate) mod ethereum;
pub(crate) mod solana;
