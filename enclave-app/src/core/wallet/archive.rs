use crate::core::Request;
use crate::core::stop::{Done, Stop};
use sharekeep_schemas::{WalletId, WalletStatus};

impl Request<'_> {
    /// Puts a wallet away for good: it signs no more.
    pub(in crate::core) fn archive_wallet(&self, wallet: WalletId) -> Result<Done, Stop> {
        self.change_wallet(wallet, WalletStatus::Archived)
    }
}
