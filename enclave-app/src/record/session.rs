use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_schemas::enclave::{Row, SessionRow};
use sharekeep_schemas::{DeviceId, Scope, SessionKeyId, SessionPublicKey, TenantId, UserId};
use zeroize::Zeroizing;

/// A session: which key speaks for which user, until when, and for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRecord {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// The device it was opened on.
    pub device: DeviceId,
    /// The key.
    pub public_key: SessionPublicKey,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was opened, in seconds since 1970.
    pub opened_at_unix_s: u64,
    /// When it ends unless renewed, in seconds since 1970.
    pub expires_at_unix_s: u64,
    /// How long one life is, in seconds.
    pub lifetime_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    tenant: TenantId,
    user: UserId,
    device: DeviceId,
    public_key: SessionPublicKey,
    scopes: Vec<Scope>,
    opened_at_unix_s: u64,
    expires_at_unix_s: u64,
    lifetime_s: u64,
}

impl SessionRecord {
    /// Whether it may do this.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            tenant: self.tenant.clone(),
            user: self.user,
            device: self.device,
            public_key: self.public_key.clone(),
            scopes: self.scopes.clone(),
            opened_at_unix_s: self.opened_at_unix_s,
            expires_at_unix_s: self.expires_at_unix_s,
            lifetime_s: self.lifetime_s,
        })
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        Ok(Self {
            tenant: wire.tenant,
            user: wire.user,
            device: wire.device,
            public_key: wire.public_key,
            scopes: wire.scopes,
            opened_at_unix_s: wire.opened_at_unix_s,
            expires_at_unix_s: wire.expires_at_unix_s,
            lifetime_s: wire.lifetime_s,
        })
    }

    /// The routing copy.
    pub fn row(&self, session: SessionKeyId) -> Row {
        Row::Session(SessionRow {
            session,
            tenant: self.tenant.clone(),
            user: self.user,
            device: self.device,
            public_key: self.public_key.clone(),
            scopes: self.scopes.clone(),
            created_at_unix_s: self.opened_at_unix_s,
            expires_at_unix_s: self.expires_at_unix_s,
        })
    }
}
