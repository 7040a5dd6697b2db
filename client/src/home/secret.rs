//! How secret files are encoded: CBOR, in buffers that are erased.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use zeroize::Zeroizing;

/// Secret bytes inside a file. The only serialisable form of a secret in this crate: it is written
/// by [`encode`] and sealed at once.
pub(crate) struct SecretBytes(pub(crate) Zeroizing<Vec<u8>>);

impl Serialize for SecretBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = SecretBytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<SecretBytes, E> {
                Ok(SecretBytes(Zeroizing::new(bytes.to_vec())))
            }
            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<SecretBytes, E> {
                Ok(SecretBytes(Zeroizing::new(bytes)))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// Encodes a file's content. The length is measured first: a buffer that grows leaves copies of
/// the secret behind in freed memory.
pub(super) fn encode<T: Serialize>(value: &T) -> Zeroizing<Vec<u8>> {
    const INFALLIBLE: &str =
        "writing to memory cannot fail and our types have no failing Serialize";
    let mut length = Count(0);
    ciborium::into_writer(value, &mut length).expect(INFALLIBLE);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    ciborium::into_writer(value, &mut *bytes).expect(INFALLIBLE);
    bytes
}

struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_of_a_secret_never_grows() {
        let secret = SecretBytes(Zeroizing::new(vec![7; 10_000]));
        let bytes = encode(&secret);
        assert_eq!(bytes.len(), bytes.capacity());
    }

    #[test]
    fn secret_bytes_come_back() {
        for length in [0, 1, 5_000, 100_000] {
            let secret = SecretBytes(Zeroizing::new(vec![7; length]));
            let back: SecretBytes =
                sharekeep_schemas::codec::decode(&encode(&secret), 200_000).unwrap();
            assert_eq!(*back.0, *secret.0);
        }
    }
}
