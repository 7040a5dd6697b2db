//! What happens to a wallet besides ceremonies.

use crate::ceremony::SignedIn;
use crate::home::{HeldWallet, Session};
use crate::{Client, Error, Result};
use sharekeep_schemas::http::WalletView;
use sharekeep_schemas::sealed::{Plain, WalletChanged};
use sharekeep_schemas::{ProblemCode, WalletId, WalletStatus};

impl Client {
    /// The user's wallets, as the store's routing columns show them: good for finding, not for
    /// believing.
    ///
    /// # Errors
    /// [`Error::Refused`], among others.
    pub async fn list_wallets(&self, session: &Session) -> Result<Vec<WalletView>> {
        self.list(session, "/v1/wallets").await
    }

    /// One wallet, as the store's routing columns show it.
    ///
    /// # Errors
    /// [`Error::Refused`] if the service knows none.
    pub async fn show_wallet(&self, session: &Session, id: WalletId) -> Result<WalletView> {
        self.get(session, &format!("/v1/wallets/{id}"), None).await
    }

    async fn change_wallet(
        &self,
        session: &Session,
        wallet: &HeldWallet,
        verb: &str,
    ) -> Result<WalletChanged> {
        let path = format!("/v1/wallets/{}/{verb}", wallet.id);
        let path = path.as_str();
        self.with_enclave(|enclave| async move {
            self.call(session, &enclave, path, &Plain::default()).await
        })
        .await
    }
}

impl SignedIn<'_> {
    /// Tells the enclave that this device's share is safely stored: from now on the wallet signs.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Receipt`], among others; the wallet then stays pending.
    pub async fn activate_wallet(&self, wallet: &mut HeldWallet) -> Result<()> {
        self.change(wallet, "activate", WalletStatus::ActiveUnbacked).await
    }

    /// Puts a wallet away for good. The share stays on this device, but the enclave signs no more.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Receipt`], among others.
    pub async fn archive_wallet(&self, wallet: &mut HeldWallet) -> Result<()> {
        self.change(wallet, "archive", WalletStatus::Archived).await
    }

    /// Gives a half-made wallet up: archives it at the service, if it is known there, and erases
    /// the share.
    ///
    /// # Errors
    /// [`Error::WalletStatus`] if the wallet was ever activated.
    pub async fn forget_wallet(&self, mut wallet: HeldWallet) -> Result<()> {
        if wallet.status != WalletStatus::Pending {
            return self.home().forget_pending_wallet(&wallet);
        }
        match self.client().change_wallet(self.session(), &wallet, "archive").await {
            Ok(changed) => self.take_over(&mut wallet, &changed, WalletStatus::Archived)?,
            // Nothing can be lost by erasing the share of a wallet that never got a signature.
            Err(error) if error.code() == Some(ProblemCode::NotFound) => {}
            Err(error) => return Err(error),
        }
        wallet.status = WalletStatus::Pending;
        self.home().forget_pending_wallet(&wallet)
    }

    async fn change(
        &self,
        wallet: &mut HeldWallet,
        verb: &str,
        expected: WalletStatus,
    ) -> Result<()> {
        let changed = self.client().change_wallet(self.session(), wallet, verb).await?;
        self.take_over(wallet, &changed, expected)?;
        self.home().store_wallet(wallet)
    }

    /// Believes a change only by its receipt.
    fn take_over(
        &self,
        wallet: &mut HeldWallet,
        changed: &WalletChanged,
        expected: WalletStatus,
    ) -> Result<()> {
        let held = Some(&wallet.receipt);
        let checked = self.client().check_receipt(wallet.id, &changed.receipt, held)?;
        if checked.status != expected || changed.status != expected {
            return Err(Error::Disagreement("wallet's state"));
        }
        if checked.epoch != wallet.epoch {
            return Err(Error::Disagreement("wallet's epoch"));
        }
        (wallet.status, wallet.receipt) = (checked.status, checked.signed);
        Ok(())
    }
}
