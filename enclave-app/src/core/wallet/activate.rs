use crate::core::stop::{Done, Stop};
use crate::core::{Request, lock};
use sharekeep_schemas::enclave::{Condition, RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{Plain, WalletChanged};
use sharekeep_schemas::{ProblemCode, Scope, WalletId, WalletStatus};

impl Request<'_> {
    /// The client has its share stored: the wallet may sign. There is no backup, and its status
    /// says so.
    pub(in crate::core) fn activate_wallet(&self, wallet: WalletId) -> Result<Done, Stop> {
        self.change_wallet(wallet, WalletStatus::ActiveUnbacked)
    }

    /// Moves the caller's wallet to another status. Asking again for the status it has gives a new
    /// receipt and changes nothing.
    pub(super) fn change_wallet(&self, id: WalletId, to: WalletStatus) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        envelope.payload::<Plain>()?;
        let user = caller.session.user;
        let mut queries = vec![RecordQuery::One(RecordKey::Wallet { user, wallet: id })];
        queries.extend(self.deployment_queries());
        self.records.require(&queries)?;
        let mut wallet = self.wallet(&caller, id)?;
        let keys = self.deployment_keys()?;
        let allowed = match to {
            WalletStatus::ActiveUnbacked => {
                matches!(wallet.status, WalletStatus::Pending | WalletStatus::ActiveUnbacked)
            }
            WalletStatus::Archived => true,
            WalletStatus::Pending | WalletStatus::Locked => false,
        };
        if !allowed {
            return Err(ProblemCode::WalletState.into());
        }
        // Memory first: an archived wallet signs no more, committed or not.
        lock(&self.core.memory).mark_wallet(user, id, |mark| {
            mark.version = mark.version.max(wallet.stored);
            mark.archived |= to == WalletStatus::Archived;
        });
        let mut writes = Vec::new();
        let mut version = wallet.stored;
        if wallet.record.status != to {
            wallet.record.status = to;
            version = wallet.next;
            writes.push(self.core.write_wallet(
                &caller.vault,
                user,
                &wallet.record,
                version,
                Condition::Version(wallet.stored),
            )?);
        }
        let tenant = &caller.session.tenant;
        let receipt = self.core.receipt(&keys, tenant, &wallet.record, version, self.now)?;
        let answer = WalletChanged { status: to, receipt };
        Ok(Done { body: envelope.answer(self.core, &answer)?, writes })
    }
}
