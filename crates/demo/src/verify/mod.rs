//! Makes unsigned transactions and checks signed ones with code other than the product's.

pub mod bitcoin;
pub mod ethereum;
pub mod solana;
