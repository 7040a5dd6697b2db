//! Backups of this device's shares: sealed here to the pinned recovery key, stored by the service,
//! read back and compared.

use crate::ceremony::SignedIn;
use crate::ceremony::binding::DEVICE;
use crate::home::{BackupMark, HeldWallet, Holding, Session};
use crate::progress::Step;
use crate::recovery::UnlockedRecovery;
use crate::{Client, Error, Result};
use rand_core::OsRng;
use sharekeep_channel::encapsulation::Suite;
use sharekeep_recovery::{
    BackedPreparation, BackupContext, RecoveryKeys, RecoveryPublic, UserBackup,
};
use sharekeep_schemas::http::BackupView;
use sharekeep_schemas::sealed::{
    BackupDeleted, BackupOpened, BackupStored, Plain, PutBackup, SealedBackup, VERSION,
};
use sharekeep_schemas::{
    DeviceId, PreparationId, PreparationScope, ProblemCode, SecretBytes, WalletId, WalletStatus,
};
use sharekeep_steps::DurableStep;
use std::collections::BTreeMap;

/// How often a backup is sealed anew because another device was faster.
const MAX_TRIES: u32 = 3;

/// Only a receipt says that a wallet is archived, so that a lie gets no wallet out of a bundle.
const NO_BACKUP: &str = "there is none (if another device of yours archived the wallet, \
                         `sharekeep wallet archive` lets this one know)";

/// How a stored backup compares with what this device stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BackupState {
    /// The very bytes.
    Same,
    /// Another device stored a newer one.
    Newer,
}

/// A stored backup that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedBackup {
    /// Its version.
    pub version: u64,
    /// How it compares.
    pub state: BackupState,
    /// Whether it was opened with a factor and holds this device's share.
    pub opened: bool,
}

/// What came of storing new backups.
#[must_use]
#[derive(Debug, Default)]
pub struct RefreshReport {
    /// How many were stored.
    pub stored: usize,
    /// The wallets that still lack one, and why. A wallet that another device archived gets none:
    /// [`SignedIn::archive_wallet`] lets this device know by a receipt.
    pub failed: BTreeMap<WalletId, Error>,
}

impl Client {
    /// The user's backups, as the store's routing columns show them.
    ///
    /// # Errors
    /// [`Error::Refused`], among others.
    pub async fn list_backups(&self, session: &Session) -> Result<Vec<BackupView>> {
        self.list(session, "/v1/backups").await
    }
}

impl SignedIn<'_> {
    /// What a stored backup is bound to: what it says of itself, for this user.
    pub(crate) fn backup_context(&self, backup: &SealedBackup) -> BackupContext {
        BackupContext {
            tenant: self.tenant().clone(),
            user: *self.user_id(),
            wallet: backup.wallet,
            party: DEVICE.0,
            epoch: backup.epoch,
            version: backup.version,
            generation: backup.generation,
        }
    }

    /// Seals a wallet's share, and the half of the pair's preparation if there is one. (A dkls23
    /// half is as large as all else together and made anew in a third of a second.)
    pub(crate) fn seal_backup(
        &self,
        wallet: &HeldWallet,
        to: &RecoveryPublic,
        version: u64,
    ) -> Result<(SealedBackup, BackupMark)> {
        let pins = self.client().pins().ok_or(Error::Pinned("no enclave was attested yet"))?;
        let (scope, preparation) = match wallet.preparation_scope() {
            Some(scope @ PreparationScope::Pair(_)) => (scope, self.home().preparation(scope)?),
            scope => (scope.unwrap_or(PreparationScope::Wallet(wallet.id)), None),
        };
        let device = self.home().device().id();
        let marked = preparation.as_ref().map(|held| (held.id, device));
        let content = UserBackup {
            version: UserBackup::VERSION,
            name: wallet.name.clone(),
            protocol: wallet.protocol,
            share: SecretBytes(wallet.share().to_sealed_bytes()),
            preparation: preparation.map(|held| BackedPreparation {
                id: held.id,
                scope,
                device,
                half: SecretBytes(held.half.to_sealed_bytes()),
            }),
            statement_key: pins.statement_key,
            recovery: to.clone(),
        };
        let (generation, epoch) = (to.generation, wallet.epoch);
        let empty = SealedBackup { wallet: wallet.id, epoch, generation, version, sealed: vec![] };
        let context = self.backup_context(&empty);
        let sealed = content.seal(to, &context, Suite::default(), &mut OsRng)?;
        let backup = SealedBackup { sealed, ..empty };
        let mark = BackupMark::new(&backup, marked);
        Ok((backup, mark))
    }

    /// Opens a stored backup for this place and time.
    pub(crate) fn unseal_backup(
        &self,
        keys: &RecoveryKeys,
        stored: &SealedBackup,
    ) -> Result<UserBackup> {
        Ok(UserBackup::open(keys, &self.backup_context(stored), &stored.sealed)?)
    }

    /// A wallet's stored backup, without the enclave's seal.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is none.
    pub(crate) async fn open_backup(&self, wallet: WalletId) -> Result<SealedBackup> {
        let path = format!("/v1/wallets/{wallet}/backup/open");
        let opened: BackupOpened =
            self.client().ask(self.session(), &path, &Plain::default()).await?;
        if opened.backup.wallet != wallet {
            return Err(Error::Backup("it is another wallet's"));
        }
        Ok(opened.backup)
    }

    /// The same of a wallet that must have one.
    pub(crate) async fn open_required_backup(&self, wallet: WalletId) -> Result<SealedBackup> {
        self.open_backup(wallet).await.map_err(|error| match error.code() {
            Some(ProblemCode::NotFound) => Error::BackupOf { wallet, why: NO_BACKUP },
            _ => error,
        })
    }

    /// Reads back what was just stored.
    pub(crate) async fn check_stored(&self, wallet: WalletId, mark: &BackupMark) -> Result<()> {
        if mark.matches(&self.open_backup(wallet).await?) {
            Ok(())
        } else {
            Err(Error::Backup("it does not come back as it was stored"))
        }
    }

    /// Stores a new backup of an active wallet in place of the last one, and reads it back.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Backup`] if something else comes back.
    pub async fn put_backup(&self, wallet: &mut HeldWallet) -> Result<()> {
        let mut replaced = match &wallet.backup {
            Some(mark) => mark.version,
            None => self.open_backup(wallet.id).await?.version,
        };
        let path = format!("/v1/wallets/{}/backup", wallet.id);
        for _ in 0..MAX_TRIES {
            let recovery = self.recovery_pin()?.pin.recovery;
            let (backup, mark) = self.seal_backup(wallet, &recovery, replaced.saturating_add(1))?;
            match self.put(&path, replaced, backup).await {
                Ok(_) => {
                    self.check_stored(wallet.id, &mark).await?;
                    wallet.backup = Some(mark);
                    return self.home().store_wallet(wallet, DurableStep::BackupMarked);
                }
                Err(error) if is_behind(&error) => {
                    self.sync_recovery().await?;
                    replaced = self.open_backup(wallet.id).await?.version;
                    if wallet.backup.as_ref().is_some_and(|mark| replaced < mark.version) {
                        return Err(Error::Backup("an older one than before is stored"));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Backup("it changes all the time"))
    }

    async fn put(&self, path: &str, replaced: u64, backup: SealedBackup) -> Result<BackupStored> {
        let (client, session) = (self.client(), self.session());
        let payload = &PutBackup { version: VERSION, backup };
        client
            .with_enclave(|enclave| async move {
                let sealed = client.seal(
                    &enclave,
                    &session.key,
                    path,
                    |_| payload,
                    |r| serde_json::to_vec(&r),
                )?;
                client.post(&session.key, &sealed.if_match(replaced)).await
            })
            .await
    }

    /// Stores new backups of the wallets whose last one lacks this device's preparation or is sealed
    /// to an earlier recovery key. One that fails does not keep the others from it.
    ///
    /// # Errors
    /// What concerns all wallets: [`Error::NoRecovery`], [`Error::Unreachable`], a session that is
    /// over, among others; what concerns one is in the report.
    pub async fn refresh_backups(&self) -> Result<RefreshReport> {
        let mut report = RefreshReport::default();
        let mut wallets = self.home().wallets()?;
        wallets.retain(|wallet| {
            wallet.status == WalletStatus::Active && wallet.holding == Holding::Registered
        });
        // A device that prepares before its first wallet may have no recovery yet.
        if wallets.is_empty() {
            return Ok(report);
        }
        let generation = self.recovery_pin()?.pin.recovery.generation;
        let device = self.home().device().id();
        for mut wallet in wallets {
            let preparation = match wallet.preparation_scope() {
                Some(scope @ PreparationScope::Pair(_)) => self.home().preparation(scope)?,
                _ => None,
            };
            let wanted: Option<(PreparationId, DeviceId)> =
                preparation.map(|held| (held.id, device));
            let current = wallet.backup.as_ref().is_some_and(|mark| {
                mark.generation == generation && (wanted.is_none() || mark.preparation == wanted)
            });
            if current {
                continue;
            }
            match self.put_backup(&mut wallet).await {
                Ok(()) => report.stored += 1,
                // The next one would fare no better, and wait as long.
                Err(error) if error.is_general() => return Err(error),
                Err(error) => drop(report.failed.insert(wallet.id, error)),
            }
        }
        Ok(report)
    }

    /// The same where something else was asked for: what fails is said, and made up for later.
    pub(crate) async fn refresh_backups_soon(&self) {
        if !self.refresh_backups().await.is_ok_and(|report| report.failed.is_empty()) {
            self.progress().report(Step::BackupsBehind);
        }
    }

    /// Reads a wallet's backup and compares it with what this device stored; with a factor also
    /// opens it and compares the share. Nothing is restored.
    ///
    /// # Errors
    /// [`Error::Backup`] if it is older or another one, [`Error::BackupOf`] if there is none,
    /// [`Error::Recovery`] if it does not open.
    pub async fn verify_backup(
        &self,
        wallet: &HeldWallet,
        unlocked: Option<&UnlockedRecovery>,
    ) -> Result<VerifiedBackup> {
        let stored = self.open_required_backup(wallet.id).await?;
        let mark = wallet.backup.as_ref().ok_or(Error::Backup("this device never stored one"))?;
        let state = mark.compare(wallet.epoch, &stored).map_err(Error::Backup)?;
        if let Some(unlocked) = unlocked {
            let content = self.unseal_backup(&unlocked.unlocked.keys, &stored)?;
            let same = *content.share.0 == *wallet.share().to_sealed_bytes();
            if !same || content.protocol != wallet.protocol {
                return Err(Error::Backup("it holds another share"));
            }
        }
        Ok(VerifiedBackup { version: stored.version, state, opened: unlocked.is_some() })
    }

    /// Deletes the backup of a wallet that was put away. Says which version it was.
    ///
    /// # Errors
    /// [`Error::Refused`] for any other wallet.
    pub async fn delete_backup(&self, wallet: WalletId) -> Result<u64> {
        let path = format!("/v1/wallets/{wallet}/backup/delete");
        let deleted: BackupDeleted =
            self.client().ask(self.session(), &path, &Plain::default()).await?;
        if let Some(mut held) = self.home().wallet(wallet)? {
            held.backup = None;
            self.home().store_wallet(&held, DurableStep::BackupUnmarked)?;
        }
        Ok(deleted.version)
    }
}

/// Whether the service says that this device's picture of the backup is an old one.
pub(crate) fn is_behind(error: &Error) -> bool {
    matches!(error.code(), Some(ProblemCode::BackupStale | ProblemCode::PreconditionFailed))
}

impl BackupMark {
    /// How a stored backup of a share's epoch compares with the marked one, or what is wrong with it.
    pub(crate) fn compare(
        &self,
        epoch: u64,
        stored: &SealedBackup,
    ) -> Result<BackupState, &'static str> {
        if stored.epoch != epoch {
            return Err("it is of another generation of shares");
        }
        if stored.version < self.version || stored.generation < self.generation {
            return Err("an older one than before is stored");
        }
        if stored.version > self.version {
            return Ok(BackupState::Newer);
        }
        if self.matches(stored) {
            Ok(BackupState::Same)
        } else {
            Err("another one is stored under its number")
        }
    }
}
