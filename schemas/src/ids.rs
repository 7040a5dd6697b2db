//! Identifiers. Parsed once at the edge: base64url text in JSON and paths, byte strings in CBOR.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// The text or bytes are not an identifier of this kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a valid {0}")]
pub struct IdError(pub &'static str);

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Wraps the bytes.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&B64.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let bytes = B64.decode(text).map_err(|_| IdError(stringify!($name)))?;
                Self::try_from(&bytes[..])
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;
            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError(stringify!($name)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
                } else {
                    let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
                    Self::try_from(&bytes[..]).map_err(de::Error::custom)
                }
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!(stringify!($len), " bytes, base64url without padding")))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

byte_id!(
    /// A user: an HMAC, made in the enclave, of tenant, issuer and subject.
    UserId, 32
);
byte_id!(
    /// A wallet: random, chosen by the client that creates it.
    WalletId, 16
);
byte_id!(
    /// A device: random, chosen by the device.
    DeviceId, 16
);
byte_id!(
    /// A factor: random, chosen by the client that registers it, never used for another one.
    FactorId, 16
);
byte_id!(
    /// An event: 8 bytes of time (seconds since 1970, big endian), then random ones, so that the
    /// order of ids is the order of events.
    EventId, 16
);
byte_id!(
    /// A ceremony: the first half of its execution id, so both sides compute it.
    CeremonyId, 16
);
byte_id!(
    /// A preparation: the execution id of the ceremony that made it.
    PreparationId, 32
);
byte_id!(
    /// An enclave's encapsulation key: the hash of its public half. New at each enclave start.
    EnclaveKeyId, 32
);
byte_id!(
    /// A session key: the thumbprint of its public half.
    SessionKeyId, 32
);
byte_id!(
    /// A used token: an HMAC, made in the enclave, of the JWT.
    TokenId, 32
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $min:literal ..= $max:literal, $ok:expr, $inner:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let allowed: fn(char) -> bool = $ok;
                if ($min..=$max).contains(&text.len()) && text.chars().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError(stringify!($name)))
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let from_inside = !deserializer.is_human_readable();
                let text = String::deserialize(deserializer)?;
                let reserved: Option<&str> = $inner;
                if from_inside && reserved == Some(text.as_str()) {
                    return Ok(Self(text));
                }
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

/// What [`TenantId::deployment`] is called.
const DEPLOYMENT: &str = "_deployment";

text_id!(
    /// A tenant (an app): 1 to 48 of `a-z`, `0-9`, `-`.
    TenantId, 1..=48, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    // Function and enclave name the deployment to each other (CBOR); no client can (JSON), and an
    // encapsulated request must name the tenant of its HTTP body.
    Some(DEPLOYMENT)
);
text_id!(
    /// The value of an `Idempotency-Key` header: 16 to 64 of `A-Z a-z 0-9 - _`. It is also the
    /// request id that the encapsulation is bound to, so a retry is byte-for-byte the same.
    IdempotencyKey, 16..=64, |c| c.is_ascii_alphanumeric() || c == '-' || c == '_', None
);

impl TenantId {
    /// Where records of the deployment itself are kept. `_` cannot occur in a tenant's id.
    pub fn deployment() -> Self {
        Self(DEPLOYMENT.to_owned())
    }
}

/// The number of a tenant's data key; the highest is current.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataKeyNumber(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_length_is_refused() {
        assert!("AAAA".parse::<WalletId>().is_err());
        assert!(WalletId::new([7; 16]).to_string().parse::<WalletId>().is_ok());
    }

    #[test]
    fn a_tenant_cannot_claim_the_deployment_name() {
        assert!("_deployment".parse::<TenantId>().is_err());
        assert!("".parse::<TenantId>().is_err());
        assert!(serde_json::from_str::<TenantId>("\"_deployment\"").is_err());
    }

    #[test]
    fn function_and_enclave_can_name_the_deployment_to_each_other() {
        let query = crate::enclave::RecordQuery::DataKeysOf(TenantId::deployment());
        let bytes = crate::codec::encode(&query);
        assert_eq!(crate::codec::decode(&bytes, 100), Ok(query));
        let other = crate::codec::encode(&"_other");
        assert!(crate::codec::decode::<TenantId>(&other, 100).is_err());
    }
}
