//! Ethereum transactions: EIP-1559, EIP-2930, and legacy ones with a chain id (EIP-155).

use alloy_primitives::{Address, U256, keccak256};
use alloy_rlp::{Encodable, Header};
use bitcoin::secp256k1::PublicKey;

use super::{
    call,
    chain::{chain_name, coin, gwei},
    rlp::Fields,
};
use crate::{
    Description, Encoding, MessageError, SignedOutput, ToSign, public_key::ethereum_address_of,
    signature::LowS, to_sign::EcdsaPrehash,
};

/// Most entries of an access list, addresses and storage keys together.
const MAX_ACCESS_ENTRIES: usize = 1024;

/// EIP-2718 type of EIP-2930 transactions.
const TYPE_EIP2930: u8 = 1;
/// EIP-2718 type of EIP-1559 transactions.
const TYPE_EIP1559: u8 = 2;
/// EIP-2718 types end here; above, RLP lists begin.
const MAX_TYPE: u8 = 0x7f;

/// What is paid for gas.
enum Fees {
    /// The price of EIP-155 and EIP-2930, in wei.
    Price(u128),
    /// The limits of EIP-1559, in wei.
    Market { max_priority: u128, max: u128 },
}

/// An unsigned transaction.
struct Transaction<'a> {
    /// The EIP-2718 type; none for legacy.
    typed: Option<u8>,
    chain_id: u64,
    nonce: u64,
    fees: Fees,
    gas_limit: u64,
    /// None creates a contract.
    to: Option<Address>,
    value: U256,
    data: &'a [u8],
    /// Addresses and storage keys.
    access_list: Option<(usize, usize)>,
    /// The encoded fields that stay when the signature is added.
    kept_fields: &'a [u8],
}

pub(crate) fn decode(
    unsigned: &[u8],
    key: &PublicKey,
) -> Result<(Description, ToSign), MessageError> {
    let transaction = Transaction::parse(unsigned)?;
    let hash = EcdsaPrehash::new(keccak256(unsigned).0);
    Ok((transaction.describe(&ethereum_address_of(key))?, ToSign::EcdsaPrehash(hash)))
}

pub(crate) fn assemble(unsigned: &[u8], signature: &LowS) -> Result<SignedOutput, MessageError> {
    let bytes = Transaction::parse(unsigned)?.signed(signature);
    let id = format!("{:#x}", keccak256(&bytes));
    Ok(SignedOutput {
        bytes,
        encoding: Encoding::EthereumTransaction,
        id: Some(id),
        signatures_missing: 0,
    })
}

impl<'a> Transaction<'a> {
    fn parse(unsigned: &'a [u8]) -> Result<Self, MessageError> {
        match unsigned.split_first() {
            None => Err(MessageError::EthereumTransaction("empty")),
            Some((&TYPE_EIP2930, list)) => Self::parse_eip2930(list),
            Some((&TYPE_EIP1559, list)) => Self::parse_eip1559(list),
            Some((&typed, _)) if typed <= MAX_TYPE => {
                Err(MessageError::EthereumTransactionType(typed))
            }
            Some(_) => Self::parse_legacy(unsigned),
        }?
        .checked()
    }

    fn parse_eip1559(list: &'a [u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::of(list)?;
        let kept_fields = fields.rest();
        let transaction = Self {
            typed: Some(TYPE_EIP1559),
            chain_id: fields.next()?,
            nonce: fields.next()?,
            fees: Fees::Market { max_priority: fields.next()?, max: fields.next()? },
            gas_limit: fields.next()?,
            to: recipient(&mut fields)?,
            value: fields.next()?,
            data: fields.bytes()?,
            access_list: Some(access_list(&mut fields)?),
            kept_fields,
        };
        end_unsigned(fields)?;
        Ok(transaction)
    }

    fn parse_eip2930(list: &'a [u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::of(list)?;
        let kept_fields = fields.rest();
        let transaction = Self {
            typed: Some(TYPE_EIP2930),
            chain_id: fields.next()?,
            nonce: fields.next()?,
            fees: Fees::Price(fields.next()?),
            gas_limit: fields.next()?,
            to: recipient(&mut fields)?,
            value: fields.next()?,
            data: fields.bytes()?,
            access_list: Some(access_list(&mut fields)?),
            kept_fields,
        };
        end_unsigned(fields)?;
        Ok(transaction)
    }

    fn parse_legacy(list: &'a [u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::of(list)?;
        let all_fields = fields.rest();
        let mut transaction = Self {
            typed: None,
            chain_id: 0,
            nonce: fields.next()?,
            fees: Fees::Price(fields.next()?),
            gas_limit: fields.next()?,
            to: recipient(&mut fields)?,
            value: fields.next()?,
            data: fields.bytes()?,
            access_list: None,
            kept_fields: &[],
        };
        transaction.kept_fields = &all_fields[..all_fields.len() - fields.rest().len()];
        if fields.is_empty() {
            return Err(MessageError::MissingChainId);
        }
        // EIP-155: chain id, 0, 0; a signed transaction has v, r, s in their place.
        let chain_id: U256 = fields.next()?;
        let (r, s): (U256, U256) = (fields.next()?, fields.next()?);
        fields.end()?;
        if !r.is_zero() || !s.is_zero() {
            return Err(MessageError::AlreadySigned);
        }
        transaction.chain_id = chain_id
            .try_into()
            .map_err(|_| MessageError::EthereumTransaction("chain id out of range"))?;
        Ok(transaction)
    }

    /// What is true of every transaction that a chain could accept.
    fn checked(self) -> Result<Self, MessageError> {
        if self.chain_id == 0 {
            return Err(MessageError::MissingChainId);
        }
        // EIP-2681.
        if self.nonce == u64::MAX {
            return Err(MessageError::EthereumTransaction("nonce out of range"));
        }
        if let Fees::Market { max_priority, max } = self.fees
            && max_priority > max
        {
            return Err(MessageError::EthereumTransaction("priority fee above the maximum fee"));
        }
        self.most_it_costs()?;
        Ok(self)
    }

    fn most_fee(&self) -> U256 {
        let (Fees::Price(price) | Fees::Market { max: price, .. }) = self.fees;
        // 64 + 128 bits: no overflow.
        U256::from(self.gas_limit) * U256::from(price)
    }

    fn most_it_costs(&self) -> Result<U256, MessageError> {
        self.most_fee().checked_add(self.value).ok_or(MessageError::AmountOutOfRange)
    }

    fn describe(&self, from: &Address) -> Result<Description, MessageError> {
        let mut description = Description::default();
        let what = match (&self.to, self.data.is_empty()) {
            (None, _) => "creates a contract",
            (Some(_), true) => "transfer",
            (Some(_), false) => "contract call",
        };
        description.add("what", format!("Ethereum transaction: {what}"));
        description.add("network", chain_name(self.chain_id));
        description.add("from", from.to_checksum(None));
        match &self.to {
            Some(to) if to == from => {
                description.add("to", format!("{} (this wallet)", to.to_checksum(None)));
            }
            Some(to) if to.is_zero() => {
                description.add("to", format!("{to} (the zero address: funds are lost)"));
            }
            Some(to) => description.add("to", to.to_checksum(None)),
            None => description.add("to", "none: a new contract"),
        }
        description.add("amount", coin(self.value, self.chain_id));
        self.describe_data(&mut description);
        description.add("fee at most", coin(self.most_fee(), self.chain_id));
        description.add("amount and fee at most", coin(self.most_it_costs()?, self.chain_id));
        match self.fees {
            Fees::Price(price) => description.add("gas price", gwei(price)),
            Fees::Market { max_priority, max } => {
                description
                    .add("gas price", format!("at most {}, tip {}", gwei(max), gwei(max_priority)));
            }
        }
        description.add("gas limit", self.gas_limit.to_string());
        description.add("nonce", self.nonce.to_string());
        if let Some((addresses, keys)) = self.access_list
            && addresses > 0
        {
            description.add("access list", format!("{addresses} addresses, {keys} storage keys"));
        }
        Ok(description)
    }

    fn describe_data(&self, description: &mut Description) {
        let length = self.data.len();
        match (&self.to, self.data) {
            (_, []) => description.add("data", "none"),
            (None, _) => description.add("contract code", format!("{length} bytes")),
            (Some(_), data) => {
                if let Some(call) = call::describe(data) {
                    description.add("if the contract is a token", call);
                }
                match data.split_at_checked(4) {
                    Some((selector, _)) => description.add(
                        "data",
                        format!("{length} bytes, function 0x{}", hex::encode(selector)),
                    ),
                    None => description.add("data", format!("0x{}", hex::encode(data))),
                }
            }
        }
    }

    fn signed(&self, signature: &LowS) -> Vec<u8> {
        let mut payload = self.kept_fields.to_vec();
        match self.typed {
            Some(_) => signature.recovery_id.encode(&mut payload),
            // EIP-155: v = chain id · 2 + 35 + y parity.
            None => {
                let v = u128::from(self.chain_id) * 2 + 35 + u128::from(signature.recovery_id);
                v.encode(&mut payload);
            }
        }
        U256::from_be_bytes(signature.r).encode(&mut payload);
        U256::from_be_bytes(signature.s).encode(&mut payload);

        let mut signed: Vec<u8> = self.typed.into_iter().collect();
        Header { list: true, payload_length: payload.len() }.encode(&mut signed);
        signed.extend_from_slice(&payload);
        signed
    }
}

fn recipient(fields: &mut Fields<'_>) -> Result<Option<Address>, MessageError> {
    match fields.bytes()? {
        [] => Ok(None),
        bytes => Address::try_from(bytes)
            .map(Some)
            .map_err(|_| MessageError::EthereumTransaction("recipient is not an address")),
    }
}

/// The number of addresses and of storage keys.
fn access_list(fields: &mut Fields<'_>) -> Result<(usize, usize), MessageError> {
    let mut entries = fields.list()?;
    let (mut addresses, mut keys) = (0, 0);
    while !entries.is_empty() {
        let mut entry = entries.list()?;
        entry.next::<[u8; 20]>()?;
        addresses += 1;
        let mut storage_keys = entry.list()?;
        while !storage_keys.is_empty() {
            storage_keys.next::<[u8; 32]>()?;
            keys += 1;
        }
        entry.end()?;
        if addresses + keys > MAX_ACCESS_ENTRIES {
            return Err(MessageError::TooLarge {
                what: "the access list",
                limit: MAX_ACCESS_ENTRIES,
            });
        }
    }
    Ok((addresses, keys))
}

/// A typed transaction ends here unless it is signed: then parity, r and s follow.
fn end_unsigned(mut fields: Fields<'_>) -> Result<(), MessageError> {
    if fields.is_empty() {
        return Ok(());
    }
    if fields.bytes().is_ok()
        && fields.bytes().is_ok()
        && fields.bytes().is_ok()
        && fields.is_empty()
    {
        return Err(MessageError::AlreadySigned);
    }
    Err(MessageError::EthereumTransaction("too many fields"))
}
