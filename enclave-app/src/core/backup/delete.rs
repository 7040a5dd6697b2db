use super::key;
use crate::core::Request;
use crate::core::stop::{Done, Refusal, Stop};
use crate::core::write;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{BackupDeleted, Plain};
use sharekeep_schemas::{ProblemCode, Scope, WalletId, WalletStatus};

impl Request<'_> {
    /// Deletes the backup of an archived wallet.
    pub(in crate::core) fn delete_backup(&self, wallet: WalletId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        envelope.payload::<Plain>()?;
        let user = caller.session.user;
        self.records.require(&[
            RecordQuery::One(RecordKey::Wallet { user, wallet }),
            RecordQuery::One(key(user, wallet)),
        ])?;
        let loaded = self.wallet(&caller, wallet)?;
        loaded.require_device(&caller)?;
        // What memory alone says may never have been committed.
        if loaded.record.status != WalletStatus::Archived {
            let detail = "only the backup of an archived wallet can be deleted";
            return Err(Refusal::saying(ProblemCode::WalletState, detail).into());
        }
        let version = self.backup(&caller, wallet)?.ok_or(ProblemCode::NotFound)?.backup.version;
        let writes = vec![write::delete(key(user, wallet), version)];
        Ok(Done { body: envelope.answer(self.core, &BackupDeleted { version })?, writes })
    }
}
