//! How secrets stand in files: byte strings, in buffers that are erased.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use zeroize::Zeroizing;

/// Secret bytes inside a file. The only serialisable form of a secret in this crate: it is written
/// by [`encode_secret`](sharekeep_schemas::codec::encode_secret) and sealed at once.
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

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_schemas::codec;

    #[test]
    fn secret_bytes_come_back() {
        for length in [0, 1, 5_000, 100_000] {
            let secret = SecretBytes(Zeroizing::new(vec![7; length]));
            let back: SecretBytes = codec::decode(&codec::encode_secret(&secret), 200_000).unwrap();
            assert_eq!(*back.0, *secret.0);
        }
    }
}
