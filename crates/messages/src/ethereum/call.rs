//! Calls of token contracts that are worth telling in words.

use alloy_primitives::{Address, U256};

/// Length of a function selector in bytes.
const SELECTOR_BYTES: usize = 4;
/// Length of an ABI word in bytes.
const WORD_BYTES: usize = 32;

/// The call in words, if it is a well-known one with exactly its arguments.
///
/// The contract is not known to be a token, so amounts are in base units and the words say "if".
pub(super) fn describe(data: &[u8]) -> Option<String> {
    let (selector, arguments) = data.split_at_checked(SELECTOR_BYTES)?;
    let words: Vec<&[u8; WORD_BYTES]> = arguments.as_chunks().0.iter().collect();
    if words.len() * WORD_BYTES != arguments.len() {
        return None;
    }
    match (selector, words.as_slice()) {
        // transfer(address,uint256), ERC-20
        ([0xa9, 0x05, 0x9c, 0xbb], [to, amount]) => {
            Some(format!("token transfer of {} to {}", base_units(amount), address(to)?))
        }
        // approve(address,uint256), ERC-20
        ([0x09, 0x5e, 0xa7, 0xb3], [spender, amount]) => Some(format!(
            "token approval: {} may spend up to {}",
            address(spender)?,
            base_units(amount)
        )),
        // transferFrom(address,address,uint256), ERC-20 and ERC-721
        ([0x23, 0xb8, 0x72, 0xdd], [from, to, amount]) => Some(format!(
            "token transfer from {} to {} of {} (or of the token with this number)",
            address(from)?,
            address(to)?,
            base_units(amount)
        )),
        // setApprovalForAll(address,bool), ERC-721 and ERC-1155
        ([0xa2, 0x2c, 0xb4, 0x65], [operator, allowed]) => {
            let operator = address(operator)?;
            match U256::from_be_bytes(**allowed) {
                U256::ZERO => Some(format!("{operator} may no longer move your tokens")),
                U256::ONE => Some(format!("{operator} may move ALL your tokens of this contract")),
                _ => None,
            }
        }
        _ => None,
    }
}

fn base_units(word: &[u8; WORD_BYTES]) -> String {
    match U256::from_be_bytes(*word) {
        U256::MAX => "an UNLIMITED amount".to_owned(),
        amount => format!("{amount} base units"),
    }
}

/// An ABI address: contracts may ignore dirty upper bytes, so such a word is not shown as one.
fn address(word: &[u8; WORD_BYTES]) -> Option<String> {
    let (upper, address) = word.split_at(WORD_BYTES - 20);
    upper.iter().all(|byte| *byte == 0).then(|| Address::from_slice(address).to_checksum(None))
}
