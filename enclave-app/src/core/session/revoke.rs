use super::delete_session;
use crate::core::records::unfit;
use crate::core::stop::{Done, Stop};
use crate::core::{Request, lock};
use crate::record::{SessionHints, SessionRecord};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::sealed::{Plain, SessionRevoked};
use sharekeep_schemas::{ProblemCode, Scope, SessionKeyId};

impl Request<'_> {
    /// Ends a session of the same user: the asking one, or with `manage` any.
    pub(in crate::core) fn revoke_session(&self, id: SessionKeyId) -> Result<Done, Stop> {
        let caller = self.authenticate_to_revoke(id)?;
        let envelope = self.open_body(&caller)?;
        envelope.payload::<Plain>()?;
        if id != caller.id {
            caller.require(Scope::Manage)?;
            let key = RecordKey::Session(id);
            let stored = self.records.one(&key)?.ok_or(ProblemCode::NotFound)?;
            let hints = SessionHints::decode(stored).map_err(|_| unfit())?;
            // The hints are bound by the seal below: a lie about the user does not open.
            if hints.tenant != caller.session.tenant || hints.user != caller.session.user {
                return Err(ProblemCode::NotFound.into());
            }
            let opened = self.open(&caller.vault, caller.user(), &key, &hints.sealed)?;
            SessionRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        }
        // Memory first: the session is over even if this is never committed.
        lock(&self.core.memory).revoke(id, self.now)?;
        let answer = SessionRevoked { revoked_at_unix_s: self.now };
        let body = envelope.answer(self.core, &answer)?;
        Ok(Done { body, writes: vec![delete_session(id)] })
    }
}
