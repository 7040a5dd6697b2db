//! Opening, renewing and revoking sessions.

mod open;
mod renew;
mod revoke;

use super::Request;
use super::authenticate::Caller;
use super::records::unfit;
use super::stop::Stop;
use super::vault::Vault;
use crate::record::{SessionHints, SessionRecord};
use serde_bytes::ByteBuf;
use sharekeep_channel::record_seal::RecordVersion;
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, RecordQuery, StoredRecord, Write};
use sharekeep_schemas::{DeviceId, SessionKeyId, TenantId, UserId};
use std::collections::BTreeSet;

/// Sessions that a listing of one user may hold: those that count and some that have expired.
const MAX_LISTED: usize = 40;

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

impl Request<'_> {
    /// All sessions of a user, as far as the store knows.
    fn sessions(
        &self,
        vault: &Vault,
        tenant: &TenantId,
        user: UserId,
    ) -> Result<Vec<(SessionKeyId, SessionRecord)>, Stop> {
        let listed = self.records.all(&RecordQuery::SessionsOf(user))?;
        if listed.len() > MAX_LISTED {
            return Err(unfit());
        }
        let read = |stored: &StoredRecord| {
            let RecordKey::Session(id) = stored.key else { return Err(unfit()) };
            let hints = SessionHints::decode(&stored.bytes).map_err(|_| unfit())?;
            if hints.user != user || hints.tenant != *tenant {
                return Err(unfit());
            }
            let opened = self.open(vault, user.as_bytes(), &stored.key, &hints.sealed)?;
            let session = SessionRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
            Ok((id, session))
        };
        listed.iter().map(read).collect()
    }

    /// The living sessions of some of the caller's devices, and the writes that end them.
    pub(super) fn sessions_on(
        &self,
        caller: &Caller,
        devices: &BTreeSet<DeviceId>,
    ) -> Result<(Vec<SessionKeyId>, Vec<Write>), Stop> {
        let SessionRecord { tenant, user, .. } = &caller.session;
        let mut sessions = self.sessions(&caller.vault, tenant, *user)?;
        sessions.retain(|(_, session)| {
            devices.contains(&session.device) && self.now < session.expires_at_unix_s
        });
        let ids: Vec<_> = sessions.into_iter().map(|(id, _)| id).collect();
        let writes = ids.iter().map(|id| delete_session(*id)).collect();
        Ok((ids, writes))
    }
}

/// Deletes a session, whatever version is there.
fn delete_session(id: SessionKeyId) -> Write {
    Write { key: RecordKey::Session(id), condition: Condition::Any, put: None }
}
