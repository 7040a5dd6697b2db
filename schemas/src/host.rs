//! What the host hands to its enclave: credentials for KMS, since the enclave has neither an instance
//! role nor a shared file system. On a connection that the enclave opens the host says two bytes of
//! length (big-endian), then that many of CBOR. The enclave says nothing and closes.

use crate::SecretText;
use crate::codec::{self, CodecError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest encoded credentials in bytes; session tokens have no stated limit and are near 2 kB.
pub const MAX_CREDENTIALS_BYTES: usize = 16_384;

/// Credentials for calls to KMS. They open nothing without the attestation of an allowed image.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostCredentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretText,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretText>,
    /// When they end, in seconds since 1970; none for ever.
    pub expires_at_unix_s: Option<u64>,
}

impl HostCredentials {
    /// The length and the credentials; none if they are longer than allowed.
    pub fn to_frame(&self) -> Option<Zeroizing<Vec<u8>>> {
        let encoded = codec::encode_secret(self);
        let length = u16::try_from(encoded.len()).ok()?;
        if encoded.len() > MAX_CREDENTIALS_BYTES {
            return None;
        }
        let mut frame = Zeroizing::new(Vec::with_capacity(2 + encoded.len()));
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&encoded);
        Some(frame)
    }

    /// Reads what follows the length.
    ///
    /// # Errors
    /// [`CodecError`] for anything else, and for more than is allowed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes, MAX_CREDENTIALS_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_token(bytes: usize) -> HostCredentials {
        HostCredentials {
            access_key_id: "AKID".into(),
            secret_access_key: SecretText::new("secret".into()),
            session_token: Some(SecretText::new("t".repeat(bytes))),
            expires_at_unix_s: Some(7),
        }
    }

    #[test]
    fn credentials_come_back_and_too_long_ones_do_not_leave() {
        let frame = with_token(2_000).to_frame().unwrap();
        assert_eq!(usize::from(u16::from_be_bytes([frame[0], frame[1]])), frame.len() - 2);
        let back = HostCredentials::from_bytes(&frame[2..]).unwrap();
        assert_eq!(back.access_key_id, "AKID");
        assert_eq!(back.secret_access_key.expose(), "secret");
        assert_eq!(back.session_token.unwrap().expose().len(), 2_000);
        assert_eq!(back.expires_at_unix_s, Some(7));
        assert!(with_token(MAX_CREDENTIALS_BYTES).to_frame().is_none());
        assert!(with_token(70_000).to_frame().is_none());
    }

    #[test]
    fn more_than_is_allowed_is_not_read() {
        let long = codec::encode_secret(&with_token(MAX_CREDENTIALS_BYTES));
        assert!(HostCredentials::from_bytes(&long).is_err());
        let mut trailing = codec::encode_secret(&with_token(1)).to_vec();
        trailing.push(0);
        assert!(HostCredentials::from_bytes(&trailing).is_err());
    }
}
