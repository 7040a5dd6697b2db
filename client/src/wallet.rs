//! What happens to a wallet besides ceremonies.

use crate::backup::is_behind;
use crate::ceremony::SignedIn;
use crate::home::{BackupMark, HeldWallet, Session};
use crate::{Client, Error, Result};
use sharekeep_schemas::http::WalletView;
use sharekeep_schemas::sealed::{ActivateWallet, Plain, SealedBackup, VERSION, WalletChanged};
use sharekeep_schemas::{ProblemCode, WalletId, WalletStatus};
use sharekeep_steps::DurableStep;

/// The number of a wallet's first backup.
const FIRST_VERSION: u64 = 1;

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
}

impl SignedIn<'_> {
    /// Activates a wallet with its first backup: one transaction of the enclave, so a wallet that
    /// signs has a backup. The backup is kept before it is sent, so that a repetition sends the
    /// same, and read back afterwards.
    ///
    /// # Errors
    /// [`Error::NoRecovery`]; [`Error::Refused`], [`Error::Receipt`], [`Error::Backup`], among
    /// others; the wallet then stays pending and can be activated again.
    pub async fn activate_wallet(&self, wallet: &mut HeldWallet) -> Result<()> {
        if wallet.status != WalletStatus::Pending {
            let hint = "only a half-made wallet can be activated";
            return Err(Error::WalletStatus { status: wallet.status, hint });
        }
        let result = match self.offer(wallet).await {
            // Another device changed the factors meanwhile.
            Err(error) if is_behind(&error) => {
                self.sync_recovery().await?;
                self.offer(wallet).await
            }
            result => result,
        };
        match result {
            Ok(()) => Ok(()),
            Err(error) if is_behind(&error) || error.code() == Some(ProblemCode::WalletState) => {
                self.take_activated(wallet, error).await
            }
            Err(error) => Err(error),
        }
    }

    async fn offer(&self, wallet: &mut HeldWallet) -> Result<()> {
        let recovery = self.recovery_pin()?.pin.recovery;
        let current = |offered: &SealedBackup| offered.generation == recovery.generation;
        let (backup, mark) = match wallet.offered.clone().filter(current).zip(wallet.backup.clone())
        {
            Some(made) => made,
            None => {
                let (backup, mark) = self.seal_backup(wallet, &recovery, FIRST_VERSION)?;
                (wallet.offered, wallet.backup) = (Some(backup.clone()), Some(mark.clone()));
                self.home().store_wallet(wallet, DurableStep::BackupOffered)?;
                (backup, mark)
            }
        };
        self.activate_with(wallet, backup, mark).await
    }

    async fn activate_with(
        &self,
        wallet: &mut HeldWallet,
        backup: SealedBackup,
        mark: BackupMark,
    ) -> Result<()> {
        let path = format!("/v1/wallets/{}/activate", wallet.id);
        let payload = ActivateWallet { version: VERSION, backup };
        let changed: WalletChanged = self.client().ask(self.session(), &path, &payload).await?;
        self.check_stored(wallet.id, &mark).await?;
        self.take_over(wallet, &changed, WalletStatus::Active)?;
        (wallet.offered, wallet.backup) = (None, Some(mark));
        self.home().store_wallet(wallet, DurableStep::WalletActive)
    }

    /// The activation landed once, its answer was lost, and the backup was sealed anew since then,
    /// by a device that changed the factors. The stored backup, offered again, gets the receipt. What is inside cannot be seen from here, so it is replaced.
    async fn take_activated(&self, wallet: &mut HeldWallet, refused: Error) -> Result<()> {
        let stored = match self.open_backup(wallet.id).await {
            Ok(stored) if stored.epoch == wallet.epoch => stored,
            Ok(_) => return Err(Error::Backup("it is of another generation of shares")),
            // There is none: the refusal was about something else.
            Err(_) => return Err(refused),
        };
        // The stored backup offered once more is the same activation, and gets its receipt.
        let mark = BackupMark::new(&stored, None);
        self.activate_with(wallet, stored, mark).await?;
        self.put_backup(wallet).await
    }

    /// Puts a wallet away for good. The share stays on this device, but the enclave signs no more.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Receipt`], among others.
    pub async fn archive_wallet(&self, wallet: &mut HeldWallet) -> Result<()> {
        let changed = self.ask_to_archive(wallet).await?;
        self.take_over(wallet, &changed, WalletStatus::Archived)?;
        self.home().store_wallet(wallet, DurableStep::WalletArchived)
    }

    async fn ask_to_archive(&self, wallet: &HeldWallet) -> Result<WalletChanged> {
        let path = format!("/v1/wallets/{}/archive", wallet.id);
        self.client().ask(self.session(), &path, &Plain::default()).await
    }

    /// Gives a half-made wallet up: archives it at the service, and erases the share once a receipt
    /// says so.
    ///
    /// # Errors
    /// [`Error::WalletStatus`] if the wallet was ever activated, [`Error::Refused`], among others.
    pub async fn forget_wallet(&self, mut wallet: HeldWallet) -> Result<()> {
        if wallet.status != WalletStatus::Pending {
            return self.home().forget_pending_wallet(&wallet);
        }
        // Only by a receipt: its activation may have gone through without this device knowing, so
        // that a refusal from anybody on the way must not erase the share.
        let changed = self.ask_to_archive(&wallet).await?;
        self.take_over(&mut wallet, &changed, WalletStatus::Archived)?;
        wallet.status = WalletStatus::Pending;
        self.home().forget_pending_wallet(&wallet)
    }

    /// Believes a change only by its receipt.
    fn take_over(
        &self,
        wallet: &mut HeldWallet,
        changed: &WalletChanged,
        expected: WalletStatus,
    ) -> Result<()> {
        let held = wallet.receipt.as_ref();
        let checked = self.client().check_receipt(wallet.id, &changed.receipt, held)?;
        if checked.status != expected || changed.status != expected {
            return Err(Error::Disagreement("wallet's state"));
        }
        if checked.epoch != wallet.epoch {
            return Err(Error::Disagreement("wallet's epoch"));
        }
        (wallet.status, wallet.receipt) = (checked.status, Some(checked.signed));
        Ok(())
    }
}
