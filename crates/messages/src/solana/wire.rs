//! Strict reading of Solana's wire format.

use crate::MessageError;

const TOO_SHORT: MessageError = MessageError::SolanaMessage("too short");

/// Bytes read from the front.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], MessageError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, MessageError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A length of one to three bytes with seven bits each, least first. Longer forms of the same
    /// number are refused, as the runtime does.
    pub(super) fn compact_u16(&mut self) -> Result<u16, MessageError> {
        const MALFORMED: MessageError = MessageError::SolanaMessage("malformed length");
        let mut value = 0u32;
        for shift in [0, 7, 14] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(MALFORMED);
                }
                return u16::try_from(value).map_err(|_| MALFORMED);
            }
        }
        Err(MALFORMED)
    }

    /// A list of bytes after its length.
    pub(super) fn byte_list(&mut self) -> Result<&'a [u8], MessageError> {
        let length = self.compact_u16()?;
        self.take(usize::from(length))
    }
}

/// Writes a length as [`Reader::compact_u16`] reads it.
pub(super) fn write_compact_u16(out: &mut Vec<u8>, mut value: u16) {
    while value >= 0x80 {
        out.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_read_back_and_longer_forms_are_refused() {
        for value in 0..=u16::MAX {
            let mut bytes = Vec::new();
            write_compact_u16(&mut bytes, value);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.compact_u16(), Ok(value));
            assert!(reader.rest().is_empty());
        }
        // Solana's documentation of compact-u16, and aliases of 0, 127 and 0x4000.
        for malformed in [
            &[][..],
            &[0x80],
            &[0x80, 0x00],
            &[0xff, 0x00],
            &[0x80, 0x80, 0x00],
            &[0xff, 0xff, 0x04],
            &[0x80, 0x80, 0x80],
            &[0x80, 0x80, 0x80, 0x01],
        ] {
            assert!(Reader::new(malformed).compact_u16().is_err(), "{malformed:x?}");
        }
    }
}
