//! EIP-191 texts.

use alloy_primitives::keccak256;
use bitcoin::secp256k1::PublicKey;

use crate::{Description, ToSign, public_key::ethereum_address_of, to_sign::EcdsaPrehash};

/// The hash of EIP-191 version `E` (0x45).
pub(crate) fn eip191_hash(message: &[u8]) -> [u8; 32] {
    let prefix = format!("\x19Ethereum Signed Message:\n{}", message.len());
    keccak256([prefix.as_bytes(), message].concat()).0
}

pub(crate) fn decode(text: &str, key: &PublicKey) -> (Description, ToSign) {
    let mut description = Description::default();
    description.add("what", "text message (EIP-191), not a transaction");
    description.add("from", ethereum_address_of(key).to_checksum(None));
    description.add("text", text);
    (description, ToSign::EcdsaPrehash(EcdsaPrehash::new(eip191_hash(text.as_bytes()))))
}
