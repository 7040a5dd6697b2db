use super::SignedIn;
use crate::{Error, Result};
use sharekeep_schemas::{PreparationScope, WalletStatus};
use sharekeep_steps::DurableStep;

impl SignedIn<'_> {
    /// Stops working with a preparation once the other side was caught cheating with it: a failed
    /// proof in an authentic message is no accident, and with some protocols each further try
    /// gives a little of the key away. Its wallets sign no more on this device.
    pub(crate) fn stop_after_cheating<T>(
        &self,
        scope: Option<PreparationScope>,
        result: Result<T>,
    ) -> Result<T> {
        let (Some(scope), Err(Error::Fault(fault))) = (scope, &result) else { return result };
        if fault.is_cheating() {
            // The wallets first: they must not sign even if the rest fails.
            for mut wallet in self.home.wallets()? {
                let affected = wallet.preparation_scope() == Some(scope);
                if affected && wallet.status == WalletStatus::Active {
                    wallet.status = WalletStatus::Locked;
                    self.home.store_wallet(&wallet, DurableStep::WalletLocked)?;
                }
            }
            self.home.forget_preparation(scope, DurableStep::PreparationDistrusted)?;
        }
        result
    }
}
