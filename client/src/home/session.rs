use super::{SESSION, place, vault::Vault};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sharekeep_channel::signature::SessionSigningKey;
use sharekeep_schemas::{SecretBytes, SessionKeyId, TenantId, UserId, codec};
use sharekeep_steps::DurableStep;
use std::path::Path;
use zeroize::Zeroizing;

/// Largest content of a session file.
const MAX_BYTES: usize = 2048;
const VERSION: u8 = 1;

/// A signed-in session: the key that signs requests, and what the enclave said about it.
pub struct Session {
    pub(crate) key: SessionSigningKey,
    /// The tenant it was opened with.
    pub tenant: TenantId,
    /// Who the enclave says the user is.
    pub user: UserId,
    /// When it ends unless renewed, in seconds since 1970 by the enclave's clock.
    pub expires_at_unix_s: u64,
    /// Whether the tenant leaves tokens unbound: a weakness that `doctor` shows.
    pub token_unbound: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u8,
    key: SecretBytes,
    tenant: TenantId,
    user: UserId,
    expires_at_unix_s: u64,
    token_unbound: bool,
}

impl Session {
    /// The session's id: its key's.
    pub fn id(&self) -> SessionKeyId {
        SessionKeyId::new(*self.key.public_key().key_id().as_bytes())
    }

    /// Whether it is over, by this device's clock.
    pub fn is_over(&self, now_unix_s: u64) -> bool {
        now_unix_s >= self.expires_at_unix_s
    }

    pub(super) fn store(&self, vault: &Vault, directory: &Path) -> Result<()> {
        vault.write(&place(directory, SESSION), &self.to_plaintext(), DurableStep::HomeSession)
    }

    pub(crate) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        codec::encode_secret(&Content {
            version: VERSION,
            key: SecretBytes(self.key.to_sealing_bytes()),
            tenant: self.tenant.clone(),
            user: self.user,
            expires_at_unix_s: self.expires_at_unix_s,
            token_unbound: self.token_unbound,
        })
    }

    pub(super) fn load(vault: &Vault, directory: &Path) -> Result<Option<Self>> {
        let path = place(directory, SESSION);
        let Some(bytes) = vault.read(&path)? else { return Ok(None) };
        Self::from_plaintext(&bytes).map(Some).ok_or(Error::Damaged(path))
    }

    pub(crate) fn from_plaintext(bytes: &[u8]) -> Option<Self> {
        let content: Content = codec::decode(bytes, MAX_BYTES).ok()?;
        if content.version != VERSION {
            return None;
        }
        Some(Self {
            key: SessionSigningKey::from_sealing_bytes(&content.key.0).ok()?,
            tenant: content.tenant,
            user: content.user,
            expires_at_unix_s: content.expires_at_unix_s,
            token_unbound: content.token_unbound,
        })
    }
}
