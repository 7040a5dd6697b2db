//! Names of chains and of their coins.

use alloy_primitives::U256;

use crate::decimal::decimal;

/// Digits after the point of the coin of every EVM chain.
const COIN_DECIMALS: usize = 18;
/// Digits after the point of one gwei.
const GWEI_DECIMALS: usize = 9;

/// (chain id, name, coin), from the public registry of chain ids.
const KNOWN: [(u64, &str, &str); 12] = [
    (1, "Ethereum", "ETH"),
    (10, "OP Mainnet", "ETH"),
    (56, "BNB Smart Chain", "BNB"),
    (100, "Gnosis", "xDAI"),
    (137, "Polygon", "POL"),
    (324, "zkSync Era", "ETH"),
    (8453, "Base", "ETH"),
    (17000, "Holesky (test network)", "ETH"),
    (42161, "Arbitrum One", "ETH"),
    (43114, "Avalanche C-Chain", "AVAX"),
    (59144, "Linea", "ETH"),
    (11_155_111, "Sepolia (test network)", "ETH"),
];

/// A chain id in words.
pub(crate) fn chain_name(chain_id: u64) -> String {
    match KNOWN.iter().find(|(id, ..)| *id == chain_id) {
        Some((_, name, _)) => format!("{name} (chain id {chain_id})"),
        None => format!("chain id {chain_id}, not one known here"),
    }
}

/// An amount in the chain's coin.
pub(super) fn coin(amount_wei: U256, chain_id: u64) -> String {
    let name = KNOWN
        .iter()
        .find(|(id, ..)| *id == chain_id)
        .map_or("of the chain's coin", |(_, _, coin)| coin);
    format!("{} {name}", decimal(amount_wei, COIN_DECIMALS))
}

/// A price of gas in gwei.
pub(super) fn gwei(price_wei: u128) -> String {
    format!("{} gwei", decimal(U256::from(price_wei), GWEI_DECIMALS))
}
