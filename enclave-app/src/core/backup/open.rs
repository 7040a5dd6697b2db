use super::key;
use crate::core::Request;
use crate::core::stop::{Done, Stop};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{BackupOpened, Plain};
use sharekeep_schemas::{ProblemCode, Scope, WalletId};

impl Request<'_> {
    /// Gives the user's backup back as the user sealed it.
    pub(in crate::core) fn open_backup(&self, wallet: WalletId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Read)?;
        let envelope = self.open_body(&caller)?;
        envelope.payload::<Plain>()?;
        let user = caller.session.user;
        self.records.require(&[
            RecordQuery::One(key(user, wallet)),
            RecordQuery::One(RecordKey::Recovery(user)),
        ])?;
        let record = self.backup(&caller, wallet)?.ok_or(ProblemCode::NotFound)?;
        // One of an earlier key would open with a factor that was removed.
        let current = self.recovery(&caller)?.map(|current| current.generation());
        if current != Some(record.backup.generation) {
            return Err(ProblemCode::Conflict.into());
        }
        let body = envelope.answer(self.core, &BackupOpened { backup: record.backup })?;
        Ok(Done { body, writes: vec![] })
    }
}
