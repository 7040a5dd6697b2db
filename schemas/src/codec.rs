//! The one CBOR encoder and decoder for everything that is not JSON.

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// Deepest nesting a payload may have; stops stack exhaustion by crafted CBOR.
const MAX_DEPTH: usize = 32;

/// Why bytes are not a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// More bytes than the place allows; nothing was parsed.
    #[error("{actual} bytes where at most {limit} are allowed")]
    TooLarge {
        /// Bytes received.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not CBOR of the expected shape, or followed by other bytes.
    #[error("not a value of the expected shape")]
    Malformed,
}

const INFALLIBLE: &str = "writing to memory cannot fail and our types have no failing Serialize";

/// Encodes a value as CBOR.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).expect(INFALLIBLE);
    out
}

/// Encodes a value that holds a secret as CBOR, in one buffer that is erased. The length is measured
/// first: a buffer that grows leaves copies of the secret behind in freed memory.
pub fn encode_secret<T: Serialize>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut length = Length(0);
    ciborium::into_writer(value, &mut length).expect(INFALLIBLE);
    let mut out = Zeroizing::new(Vec::with_capacity(length.0));
    ciborium::into_writer(value, &mut *out).expect(INFALLIBLE);
    out
}

/// Counts what is written and keeps none of it.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Decodes a value of at most `limit_bytes`; trailing bytes are refused.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limit_bytes: usize) -> Result<T, CodecError> {
    if bytes.len() > limit_bytes {
        return Err(CodecError::TooLarge { actual: bytes.len(), limit: limit_bytes });
    }
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|_| CodecError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(CodecError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oversized_input_is_refused_before_parsing() {
        assert_eq!(decode::<u8>(&[0; 9], 8), Err(CodecError::TooLarge { actual: 9, limit: 8 }));
    }

    #[test]
    fn the_buffer_of_a_secret_never_grows() {
        for length in [0, 23, 255, 5_000, 100_000] {
            let secret = serde_bytes::ByteBuf::from(vec![7; length]);
            let value = vec![("a name before it", secret)];
            let bytes = encode_secret(&value);
            assert_eq!(bytes.capacity(), bytes.len());
            assert_eq!(*bytes, encode(&value));
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert_eq!(decode::<u8>(&[1, 1], 8), Err(CodecError::Malformed));
    }

    #[test]
    fn deep_nesting_is_refused_without_exhausting_the_stack() {
        let bytes = vec![0x81; 4096];
        assert_eq!(decode::<ciborium::Value>(&bytes, 8192), Err(CodecError::Malformed));
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = decode::<crate::enclave::Call>(&bytes, 4096);
            let _ = decode::<crate::enclave::Reply>(&bytes, 4096);
            let _ = decode::<crate::sealed::StartCeremony>(&bytes, 4096);
        }
    }
}
