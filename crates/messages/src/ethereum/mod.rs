//! Ethereum: transactions, texts, typed data.

mod call;
pub(crate) mod chain;
mod rlp;
pub(crate) mod text;
pub(crate) mod transaction;
pub(crate) mod typed_data;

pub(crate) use rlp::looks_like_transaction;
