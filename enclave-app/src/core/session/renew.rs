use crate::core::Request;
use crate::core::stop::{Done, Stop};
use crate::record::SessionRecord;
use sharekeep_schemas::enclave::Condition;
use sharekeep_schemas::sealed::{Plain, SessionRenewed};
use sharekeep_schemas::{ProblemCode, SessionKeyId, limits};

impl Request<'_> {
    /// Gives the asking session another life, up to the age at which a new token is wanted.
    pub(in crate::core) fn renew_session(&self, id: SessionKeyId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        let envelope = self.open_body(&caller)?;
        envelope.payload::<Plain>()?;
        if id != caller.id {
            return Err(ProblemCode::NotFound.into());
        }
        let end = caller.session.opened_at_unix_s.saturating_add(limits::SESSION_MAX_AGE_S);
        let expires = self.now.saturating_add(caller.session.lifetime_s).min(end);
        let session = SessionRecord {
            expires_at_unix_s: expires.max(caller.session.expires_at_unix_s),
            ..caller.session.clone()
        };
        let write = self.write_session(
            &caller.vault,
            id,
            &session,
            caller.version + 1,
            Condition::Version(caller.version),
        )?;
        // Not while its device is being revoked.
        let writes = vec![write, self.own_unchanged(&caller)];
        let answer = SessionRenewed { expires_at_unix_s: session.expires_at_unix_s };
        Ok(Done { body: envelope.answer(self.core, &answer)?, writes })
    }
}
