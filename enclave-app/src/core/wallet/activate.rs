use crate::core::backup::{self, Expected};
use crate::core::stop::{Done, Refusal, Stop};
use crate::core::{Request, lock};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{ActivateWallet, WalletChanged};
use sharekeep_schemas::{ProblemCode, Scope, WalletId, WalletStatus};

impl Request<'_> {
    /// The client has its share stored, and brings the first backup: with it, in one transaction,
    /// the wallet may sign. The same again gives a new receipt.
    pub(in crate::core) fn activate_wallet(&self, id: WalletId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        let payload: ActivateWallet = envelope.payload()?;
        let user = caller.session.user;
        let mut queries = vec![
            RecordQuery::One(RecordKey::Wallet { user, wallet: id }),
            RecordQuery::One(backup::key(user, id)),
            RecordQuery::One(RecordKey::Recovery(user)),
            RecordQuery::FactorsOf(user),
        ];
        queries.extend(self.deployment_queries());
        self.records.require(&queries)?;
        let mut wallet = self.wallet(&caller, id)?;
        let keys = self.deployment_keys()?;
        wallet.require_device(&caller)?;
        let mut writes = Vec::new();
        let mut version = wallet.stored;
        match wallet.status {
            WalletStatus::Active => {
                let stored = self.backup(&caller, id)?.ok_or(ProblemCode::BackupMissing)?;
                if stored.backup != payload.backup {
                    let detail = "it is active already, with another backup";
                    return Err(Refusal::saying(ProblemCode::WalletState, detail).into());
                }
            }
            WalletStatus::Pending => {
                let recovery = self.usable_recovery(&caller)?;
                let (epoch, generation) = (wallet.record.epoch, recovery.generation());
                let expected = Expected { wallet: id, epoch, generation, version: 1 };
                backup::check(&payload.backup, expected)?;
                wallet.record.status = WalletStatus::Active;
                version = wallet.next;
                writes.extend([
                    self.changed_wallet(&caller, &wallet)?,
                    self.write_backup(&caller, payload.backup, None)?,
                    // A change of the recovery key at the same moment would not see this backup.
                    self.touch_recovery(&caller, &recovery)?,
                ]);
            }
            WalletStatus::Locked | WalletStatus::Archived => {
                return Err(ProblemCode::WalletState.into());
            }
        }
        lock(&self.core.memory).mark_wallet(user, id, |mark| {
            mark.version = mark.version.max(wallet.stored);
        });
        let tenant = &caller.session.tenant;
        let receipt = self.core.receipt(&keys, tenant, &wallet.record, version, self.now)?;
        let answer = WalletChanged { status: WalletStatus::Active, receipt };
        Ok(Done { body: envelope.answer(self.core, &answer)?, writes })
    }
}
