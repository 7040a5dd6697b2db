//! EIP-712 typed data, from types and values; the hash is computed here.
//!
//! The reader is stricter than common implementations wherever they differ from each other: what is
//! ambiguous is refused, so every signer and verifier agrees on what was signed.

mod domain;
mod json;
mod schema;
mod value;

use alloy_dyn_abi::{DynSolValue, eip712::Resolver};
use alloy_primitives::keccak256;
use bitcoin::secp256k1::PublicKey;

use self::{json::Json, schema::Schema, value::Reader};
use crate::{
    Description, MessageError, ToSign, public_key::ethereum_address_of, to_sign::EcdsaPrehash,
};

/// Most bytes of the JSON text.
const MAX_TYPED_DATA_BYTES: usize = 64 * 1024;

pub(crate) fn decode(
    text: &str,
    chain_id: u64,
    key: &PublicKey,
) -> Result<(Description, ToSign), MessageError> {
    if text.len() > MAX_TYPED_DATA_BYTES {
        return Err(MessageError::TooLarge { what: "typed data", limit: MAX_TYPED_DATA_BYTES });
    }
    let mut description = Description::default();
    description.add("what", "typed data (EIP-712), not a transaction");
    description.add("from", ethereum_address_of(key).to_checksum(None));
    let hash = read(&json::parse(text)?, chain_id, &mut description)?;
    Ok((description, ToSign::EcdsaPrehash(EcdsaPrehash::new(hash))))
}

/// keccak256(0x19 0x01 ‖ domainSeparator ‖ hashStruct(message)).
fn read(
    data: &Json,
    chain_id: u64,
    description: &mut Description,
) -> Result<[u8; 32], MessageError> {
    let [types, primary_type, domain, message] =
        data.exactly(["types", "primaryType", "domain", "message"])?;
    let Json::Text(primary_type) = primary_type else {
        return Err(MessageError::TypedData("primaryType is not a string"));
    };

    let schema = Schema::parse(types, domain, primary_type)?;
    domain::check_chain_id(domain, chain_id)?;
    let resolver = schema.resolver()?;

    let mut reader = Reader::new(&schema, description);
    let domain = domain::read(&mut reader, domain)?;
    reader.add("type", primary_type)?;
    let message = reader.read_struct(primary_type, message, "")?;

    let domain = hash_struct(&resolver, &domain)?;
    let message = hash_struct(&resolver, &message)?;
    Ok(keccak256([&[0x19, 0x01][..], &domain[..], &message[..]].concat()).0)
}

fn hash_struct(resolver: &Resolver, value: &DynSolValue) -> Result<[u8; 32], MessageError> {
    resolver
        .eip712_data_word(value)
        .map(|word| word.0)
        .map_err(|_| MessageError::TypedData("types can't be encoded"))
}
