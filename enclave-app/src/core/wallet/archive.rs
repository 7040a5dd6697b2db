use crate::core::stop::{Done, Stop};
use crate::core::{Request, lock};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{Plain, WalletChanged};
use sharekeep_schemas::{Scope, WalletId, WalletStatus};

impl Request<'_> {
    /// Puts a wallet away for good: it signs no more. The same again gives a new receipt.
    pub(in crate::core) fn archive_wallet(&self, id: WalletId) -> Result<Done, Stop> {
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
        wallet.require_device(&caller)?;
        // Memory first: an archived wallet signs no more, committed or not.
        lock(&self.core.memory).mark_wallet(user, id, |mark| {
            mark.version = mark.version.max(wallet.stored);
            mark.archived = true;
        });
        let mut writes = Vec::new();
        let mut version = wallet.stored;
        let status = WalletStatus::Archived;
        if wallet.record.status != status {
            wallet.record.status = status;
            version = wallet.next;
            writes.push(self.changed_wallet(&caller, &wallet)?);
        }
        let tenant = &caller.session.tenant;
        let receipt = self.core.receipt(&keys, tenant, &wallet.record, version, self.now)?;
        let body = envelope.answer(self.core, &WalletChanged { status, receipt })?;
        Ok(Done { body, writes })
    }
}
