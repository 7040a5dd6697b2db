use super::{Expected, check, key};
use crate::core::Request;
use crate::core::stop::{Done, Refusal, Stop};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{BackupStored, PutBackup};
use sharekeep_schemas::{ProblemCode, Scope, WalletId, WalletStatus};

impl Request<'_> {
    /// Replaces the backup of a wallet by the next version.
    pub(in crate::core) fn put_backup(&self, wallet: WalletId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        let payload: PutBackup = envelope.payload()?;
        let user = caller.session.user;
        self.records.require(&[
            RecordQuery::One(RecordKey::Wallet { user, wallet }),
            RecordQuery::One(key(user, wallet)),
            RecordQuery::One(RecordKey::Recovery(user)),
        ])?;
        let loaded = self.wallet(&caller, wallet)?;
        loaded.require_device(&caller)?;
        if loaded.status == WalletStatus::Archived {
            return Err(ProblemCode::WalletState.into());
        }
        let no_backup = || {
            Refusal::saying(ProblemCode::BackupMissing, "activate the wallet with its first one")
        };
        let stored = self.backup(&caller, wallet)?.ok_or_else(no_backup)?.backup.version;
        let recovery = self.recovery(&caller)?.ok_or_else(no_backup)?;
        let version = stored + 1;
        check(
            &payload.backup,
            Expected {
                wallet,
                epoch: loaded.record.epoch,
                generation: recovery.generation(),
                version,
            },
        )?;
        // A change of the recovery key at the same moment writes this backup too: one of them wins.
        let writes = vec![self.write_backup(&caller, payload.backup, Some(stored))?];
        let body = envelope.answer(self.core, &BackupStored { version })?;
        Ok(Done { body, writes })
    }
}
