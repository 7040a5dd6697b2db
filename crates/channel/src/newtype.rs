//! Public byte strings of fixed length as types of their own, so that one can't stand for another.

/// Defines a public (not secret) fixed-length byte string with one text form.
///
/// Text is `hex` or `base64url`; serde writes text in human-readable formats and bytes elsewhere.
macro_rules! public_bytes {
    ($(#[$doc:meta])* $name:ident, $length:expr, $text:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Length in bytes.
            pub const LENGTH: usize = $length;

            /// Wraps the bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::newtype::$text::encode(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                $crate::newtype::$text::decode(text)
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or($crate::Error::IdentifierMalformed)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::newtype::serialize(&self.0, self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::newtype::deserialize(deserializer, |bytes| {
                    bytes.try_into().ok().map(Self)
                })
            }
        }
    };
}
pub(crate) use public_bytes;

use serde::de::{Deserializer, Error as _, Unexpected, Visitor};
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

/// Longest text form read; the longest value of this crate, a signed receipt, has 512 bytes.
const MAX_TEXT_BYTES: usize = 1024;

pub(crate) mod base64url {
    use super::MAX_TEXT_BYTES;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    pub(crate) fn encode(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
        (text.len() <= MAX_TEXT_BYTES).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()
    }
}

pub(crate) mod hex {
    use super::MAX_TEXT_BYTES;

    pub(crate) fn encode(bytes: &[u8]) -> String {
        ::hex::encode(bytes)
    }

    /// Lower case only: an id that is compared or used as a key has one spelling.
    pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
        if text.len() > MAX_TEXT_BYTES || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        ::hex::decode(text).ok()
    }
}

pub(crate) fn serialize<S: serde::Serializer>(
    bytes: &[u8],
    text: &impl Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(text)
    } else {
        serializer.serialize_bytes(bytes)
    }
}

pub(crate) fn deserialize<'de, D, T>(
    deserializer: D,
    from_bytes: fn(&[u8]) -> Option<T>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
{
    struct Either<T>(fn(&[u8]) -> Option<T>, PhantomData<T>);

    impl<T: FromStr> Visitor<'_> for Either<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a byte string of the right length or its text form")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(|_| E::invalid_value(Unexpected::Other("text"), &self))
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<T, E> {
            (self.0)(bytes).ok_or_else(|| E::invalid_value(Unexpected::Other("bytes"), &self))
        }
    }

    let visitor = Either(from_bytes, PhantomData);
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(visitor)
    } else {
        deserializer.deserialize_bytes(visitor)
    }
    .map_err(D::Error::custom)
}
