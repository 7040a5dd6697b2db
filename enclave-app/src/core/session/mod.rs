//! Opening, renewing and revoking sessions.

mod open;
mod renew;
mod revoke;

use super::Request;
use super::stop::Stop;
use super::vault::Vault;
use crate::record::{SessionHints, SessionRecord};
use serde_bytes::ByteBuf;
use sharekeep_channel::record_seal::RecordVersion;
use sharekeep_schemas::SessionKeyId;
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, Write};

impl Request<'_> {
    fn write_session(
        &self,
        vault: &Vault,
        id: SessionKeyId,
        session: &SessionRecord,
        version: u64,
        condition: Condition,
    ) -> Result<Write, Stop> {
        let key = RecordKey::Session(id);
        let sealed = self.core.seal(
            vault,
            session.user.as_bytes(),
            &key,
            RecordVersion { epoch: 0, record_version: version },
            &session.encode(),
        )?;
        let hints = SessionHints { tenant: session.tenant.clone(), user: session.user, sealed };
        Ok(Write {
            key,
            condition,
            put: Some(Put {
                version,
                bytes: ByteBuf::from(hints.encode()),
                row: session.row(id),
                expires_at_unix_s: Some(session.expires_at_unix_s),
            }),
        })
    }
}

/// Deletes a session, whatever version is there.
fn delete_session(id: SessionKeyId) -> Write {
    Write { key: RecordKey::Session(id), condition: Condition::Any, put: None }
}
