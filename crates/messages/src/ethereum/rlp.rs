//! Strict reading of RLP (Yellow Paper, appendix B): canonical, nothing left over.

use alloy_rlp::{Decodable, Header};

use crate::MessageError;

const MALFORMED: MessageError = MessageError::EthereumTransaction("not canonical rlp");

/// EIP-2718 type bytes in use: EIP-2930, 1559, 4844, 7702.
const TYPED: std::ops::RangeInclusive<u8> = 1..=4;

/// The fewest fields of any typed transaction (EIP-2930, unsigned).
const MIN_TYPED_FIELDS: usize = 8;

/// The items of one list, read in order.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The list that `bytes` is, whole.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let mut rest = bytes;
        let payload = Header::decode_bytes(&mut rest, true).map_err(|_| MALFORMED)?;
        if !rest.is_empty() {
            return Err(MessageError::EthereumTransaction("trailing bytes"));
        }
        Ok(Self { rest: payload })
    }

    /// What was not read yet, encoded.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next item as a number or an array of fixed size; leading zeros are refused.
    pub(super) fn next<T: Decodable>(&mut self) -> Result<T, MessageError> {
        T::decode(&mut self.rest).map_err(|_| MALFORMED)
    }

    /// The next item as a byte string.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], MessageError> {
        Header::decode_bytes(&mut self.rest, false).map_err(|_| MALFORMED)
    }

    /// The next item as a list.
    pub(super) fn list(&mut self) -> Result<Fields<'a>, MessageError> {
        let payload = Header::decode_bytes(&mut self.rest, true).map_err(|_| MALFORMED)?;
        Ok(Fields { rest: payload })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses items that were not read.
    pub(super) fn end(self) -> Result<(), MessageError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(MessageError::EthereumTransaction("too many fields"))
        }
    }

    /// The number of items not read yet, if they are all well-formed on the outside.
    fn count(mut self) -> Option<usize> {
        let mut count = 0;
        while !self.rest.is_empty() {
            let header = Header::decode(&mut self.rest).ok()?;
            self.rest = self.rest.get(header.payload_length..)?;
            count += 1;
        }
        Some(count)
    }
}

/// Whether these bytes are shaped like a transaction of any type, signed or not. Wider than what is
/// signed here, on purpose.
pub(crate) fn looks_like_transaction(bytes: &[u8]) -> bool {
    let fields = |list: &[u8]| Fields::of(list).ok().and_then(Fields::count);
    match bytes.split_first() {
        Some((first, list)) if TYPED.contains(first) => {
            fields(list).is_some_and(|count| count >= MIN_TYPED_FIELDS)
        }
        // Six fields before EIP-155; nine with a chain id or a signature.
        _ => matches!(fields(bytes), Some(6 | 9)),
    }
}
