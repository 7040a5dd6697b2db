use crate::ids::{DeviceId, TenantId, UserId};
use crate::secret::SecretText;
use crate::words::{Scope, SessionPublicKey};
use serde::{Deserialize, Serialize};

/// What a device's identity key signs when a session is opened: this label, then the 32 bytes of
/// the encapsulation's exported value.
pub const DEVICE_PROOF_LABEL: &[u8] = b"sharekeep/device-proof/v1\0";

/// Opens a session. The only payload that holds a token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// [`super::VERSION`].
    pub version: u8,
    /// Must be the tenant of the HTTP body.
    pub tenant: TenantId,
    /// The JWT. Verified by the enclave only.
    pub token: SecretText,
    /// Must be the key of the HTTP body and of the HTTP signature.
    pub session_key: SessionPublicKey,
    /// The session key's proof over the encapsulation's exported value
    /// (`sharekeep_channel::signature`): whoever re-seals the token cannot make it.
    #[serde(with = "serde_bytes")]
    pub proof: Vec<u8>,
    /// The device; registered on first sight.
    pub device: DeviceId,
    /// The device's identity key (Ed25519).
    #[serde(with = "serde_bytes")]
    pub device_identity_key: [u8; 32],
    /// The identity key's signature over [`DEVICE_PROOF_LABEL`] and the same exported value.
    #[serde(with = "serde_bytes")]
    pub device_proof: Vec<u8>,
    /// What the session may do.
    pub scopes: Vec<Scope>,
    /// A shorter life than the default, in seconds.
    pub lifetime_s: Option<u64>,
}

/// A session was opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionOpened {
    /// Who the enclave says the user is.
    pub user: UserId,
    /// When the session ends unless renewed, in seconds since 1970.
    pub expires_at_unix_s: u64,
    /// How many sessions had to leave for it.
    pub sessions_removed: u32,
    /// Whether the tenant leaves tokens unbound (a weakness to show).
    pub token_unbound: bool,
    /// The enclave's clock, in seconds since 1970.
    pub server_time_unix_s: u64,
}

/// A session was renewed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionRenewed {
    /// When it ends now, in seconds since 1970.
    pub expires_at_unix_s: u64,
}

/// A session was revoked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionRevoked {
    /// The enclave's clock, in seconds since 1970.
    pub revoked_at_unix_s: u64,
}
