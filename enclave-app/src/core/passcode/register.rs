use super::binding;
use crate::core::Request;
use crate::core::stop::{Done, Refusal, Stop};
use crate::core::write::Content;
use crate::record::{FactorRecord, PasscodeDraft};
use sharekeep_recovery::passcode::PasscodeServer;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, Row};
use sharekeep_schemas::sealed::{PasscodeRegistered, RegisterPasscode};
use sharekeep_schemas::{FactorId, ProblemCode, Scope};

/// How long a registration may take, in seconds.
const DRAFT_LIFETIME_S: u64 = 900;

impl Request<'_> {
    /// Takes part in setting a passcode: with secrets of its own for this one factor.
    pub(in crate::core) fn register_passcode(&self, factor: FactorId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        let payload: RegisterPasscode = envelope.payload()?;
        let user = caller.session.user;
        let key = RecordKey::PasscodeDraft { user, factor };
        self.records.require(&[
            RecordQuery::One(RecordKey::Factor { user, factor }),
            RecordQuery::One(key.clone()),
        ])?;
        if let Some((FactorRecord::Registered(_), _)) = self.factor(&caller, factor)? {
            let detail = "a factor's id is never used again: choose another";
            return Err(Refusal::saying(ProblemCode::FactorsRefused, detail).into());
        }
        let stored = self.opened(&caller, &key)?.map(|opened| opened.version.record_version);
        let server = PasscodeServer::generate(&mut self.core.rng());
        let response = server
            .register(&payload.request, &binding(&caller, factor))
            .map_err(|_| ProblemCode::MalformedRequest)?;
        let expires_at_unix_s = self.now.saturating_add(DRAFT_LIFETIME_S);
        let draft = PasscodeDraft { server, expires_at_unix_s };
        let plaintext = draft.encode();
        let content = Content {
            expires_at_unix_s: Some(expires_at_unix_s),
            ..Content::lasting(&plaintext, Row::Empty)
        };
        let writes = vec![self.put(&caller, key, stored, content)?];
        let answer = PasscodeRegistered { response: response.to_vec() };
        Ok(Done { body: envelope.answer(self.core, &answer)?, writes })
    }
}
