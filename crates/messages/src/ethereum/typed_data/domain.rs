//! The EIP-712 domain: which application and which chain a signature is for.

use alloy_dyn_abi::DynSolValue;

use super::{
    json::Json,
    value::{Reader, read_uint},
};
use crate::{MessageError, ethereum::chain::chain_name};

/// The struct's name.
pub(super) const DOMAIN: &str = "EIP712Domain";

/// The fields a domain may have, in the order that the EIP gives them.
pub(super) const DOMAIN_FIELDS: [(&str, &str); 5] = [
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
];

/// Refuses a domain without a chain id, which could be replayed on every chain, or with another.
pub(super) fn check_chain_id(domain: &Json, named: u64) -> Result<(), MessageError> {
    let chain_id = domain.get("chainId").ok_or(MessageError::MissingChainId)?;
    let found: u64 = read_uint(chain_id, 64)?
        .try_into()
        .map_err(|_| MessageError::TypedData("chainId out of range"))?;
    if found == 0 {
        return Err(MessageError::MissingChainId);
    }
    if found == named { Ok(()) } else { Err(MessageError::ChainIdMismatch { named, found }) }
}

/// Reads and describes the domain.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    domain: &Json,
) -> Result<DynSolValue, MessageError> {
    if let Some(chain_id) = domain.get("chainId") {
        let chain_id = read_uint(chain_id, 64)?.saturating_to::<u64>();
        reader.add("network", &chain_name(chain_id))?;
    }
    reader.read_struct(DOMAIN, domain, "domain")
}
