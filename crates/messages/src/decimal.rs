//! Exact decimal amounts.

use alloy_primitives::U256;

/// `amount` base units of a coin with `decimals` digits after the point, exact, no trailing zeros.
pub(crate) fn decimal(amount: U256, decimals: usize) -> String {
    let digits = amount.to_string();
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// An amount of satoshi in BTC.
pub(crate) fn btc(amount_sat: u64) -> String {
    format!("{} BTC", decimal(U256::from(amount_sat), 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_have_no_trailing_zeros() {
        for (amount, decimals, text) in [
            (0u64, 18, "0"),
            (1, 18, "0.000000000000000001"),
            (1_500_000_000_000_000_000, 18, "1.5"),
            (100_000_000, 8, "1"),
            (123_456_789, 8, "1.23456789"),
            (10, 0, "10"),
        ] {
            assert_eq!(decimal(U256::from(amount), decimals), text);
        }
        assert_eq!(
            decimal(U256::MAX, 18),
            "115792089237316195423570985008687907853269984665640564039457.584007913129639935"
        );
    }
}
