//! Recovery with no service: a bundle of everything that a key factor opens, downloaded while there
//! was one.
//!
//! The bundle is JSON. It holds the signed factor sets, the sealed seeds of the factors that need no
//! passcode, and all backups without the enclave's seal. It is worth nothing without an export file
//! or a recovery code; with one it gives the shares, and nothing else is needed.

use crate::ceremony::SignedIn;
use crate::ceremony::binding::DEVICE;
use crate::clock::now_unix_s;
use crate::home::{HeldRecovery, Holding, OpenHome};
use crate::recovery::{UnlockWith, WrappedSeeds, check_wraps, needs_passcode, unlock_with_key};
use crate::restore::opened_wallet;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sharekeep_recovery::factor_set::{FactorSet, MAX_FACTOR_SET_BYTES, SignedFactorSet, Unlocked};
use sharekeep_recovery::{BackupContext, MAX_BACKUP_BYTES, MAX_WRAPPED_SEED_BYTES, UserBackup};
use sharekeep_schemas::http::Base64Url;
use sharekeep_schemas::limits::MAX_FACTORS_PER_USER;
use sharekeep_schemas::sealed::{OpenWrap, SealedBackup};
use sharekeep_schemas::{FactorId, FactorKind, TenantId, UserId, WalletId, WalletStatus};
use sharekeep_steps::DurableStep;
use std::collections::BTreeSet;

/// Largest bundle that is read, in bytes: two hundred wallets.
pub const MAX_BUNDLE_BYTES: usize = 16 * 1024 * 1024;
/// Most backups in one.
const MAX_BACKUPS: usize = 200;
/// Most statements in one; the last one counts.
const MAX_STATEMENTS: usize = 64;
const VERSION: u8 = 1;

/// Everything that an export file or recovery code opens with no service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    version: u8,
    /// Which app.
    pub tenant: TenantId,
    /// Whose.
    pub user: UserId,
    /// When it was downloaded, in seconds since 1970.
    pub made_at_unix_s: u64,
    statements: Vec<Base64Url>,
    wraps: Vec<Wrap>,
    backups: Vec<Backup>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrap {
    factor: FactorId,
    kind: FactorKind,
    wrapped_seed: Base64Url,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    wallet: WalletId,
    epoch: u64,
    generation: u64,
    version: u64,
    sealed: Base64Url,
}

impl SignedIn<'_> {
    /// Downloads a bundle of all backups. It is complete as far as anybody can tell: the list of
    /// factors is the one that this device pins, the sealed seed of each factor that opens it is in
    /// it, all backups are sealed to that list's key, and no wallet that this device holds or the
    /// service lists is without one.
    ///
    /// # Errors
    /// [`Error::NoRecovery`]; [`Error::Usage`] if no factor could open it; [`Error::Recovery`],
    /// [`Error::Backup`] or, naming a wallet, [`Error::BackupOf`] if something is not as it must be.
    pub async fn download_bundle(&self) -> Result<Bundle> {
        if self.sync_recovery().await?.is_none() {
            return Err(self.recovery_pin().err().unwrap_or(Error::Answer("recovery is gone")));
        }
        let standing = self.standing().await?.ok_or(Error::Answer("recovery is gone"))?;
        let set = self.pin(&standing.signed)?;
        check_wraps(&set, &standing.wraps)?;
        let wraps: Vec<_> = standing
            .wraps
            .into_iter()
            .filter(|wrap| {
                let factor = set.factor(wrap.factor);
                factor.is_some_and(|factor| factor.kind == wrap.kind && !needs_passcode(wrap.kind))
            })
            .map(|OpenWrap { factor, kind, wrapped_seed }| {
                let wrapped_seed = Base64Url(wrapped_seed);
                Wrap { factor, kind, wrapped_seed }
            })
            .collect();
        if wraps.is_empty() {
            let hint = "only a recovery code or an export file opens a bundle: add one first";
            return Err(Error::Usage(hint.to_owned()));
        }
        let mut backups = Vec::new();
        for wallet in self.wallets_with_backups().await? {
            let stored = self.open_required_backup(wallet).await?;
            self.check_bundled(&stored, &set)?;
            let SealedBackup { wallet, epoch, generation, version, sealed } = stored;
            let sealed = Base64Url(sealed);
            backups.push(Backup { wallet, epoch, generation, version, sealed });
        }
        Ok(Bundle {
            version: VERSION,
            tenant: self.tenant().clone(),
            user: *self.user_id(),
            made_at_unix_s: now_unix_s(),
            statements: vec![Base64Url(standing.signed.to_bytes())],
            wraps,
            backups,
        })
    }

    /// The wallets whose backups must be there. The listings can leave some out; what this device
    /// knows by receipts, they cannot.
    async fn wallets_with_backups(&self) -> Result<BTreeSet<WalletId>> {
        let lives = |status| matches!(status, WalletStatus::Active | WalletStatus::Locked);
        let backups = self.client().list_backups(self.session()).await?;
        let mut wallets: BTreeSet<_> = backups.iter().map(|view| view.wallet_id).collect();
        let listed = self.client().list_wallets(self.session()).await?;
        wallets.extend(listed.iter().filter(|view| lives(view.status)).map(|view| view.wallet_id));
        let mut held = self.home().wallets()?;
        held.retain(|wallet| wallet.holding == Holding::Registered && lives(wallet.status));
        wallets.extend(held.iter().map(|wallet| wallet.id));
        Ok(wallets)
    }

    /// Whether what the list's factors unlock opens a backup, and it is not older than the last one
    /// that this device saw.
    fn check_bundled(&self, stored: &SealedBackup, set: &FactorSet) -> Result<()> {
        let wallet = stored.wallet;
        let wrong = |why| Error::BackupOf { wallet, why };
        if stored.generation != set.recovery.generation {
            return Err(wrong("it is not sealed to the recovery key of the list of factors"));
        }
        let Some(held) = self.home().wallet(wallet)? else { return Ok(()) };
        match &held.backup {
            Some(mark) => mark.compare(held.epoch, stored).map(drop).map_err(wrong),
            None => Ok(()),
        }
    }
}

impl Bundle {
    /// The JSON text.
    ///
    /// # Errors
    /// [`Error::Usage`] if it cannot be encoded.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
            .map_err(|_| Error::Usage("the bundle cannot be encoded".to_owned()))
    }

    /// Reads the JSON text; nothing of it is believed yet. `None` if it is no bundle.
    pub fn from_json(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_BUNDLE_BYTES {
            return None;
        }
        let bundle: Self = serde_json::from_slice(text).ok()?;
        let counts = bundle.version == VERSION
            && (1..=MAX_STATEMENTS).contains(&bundle.statements.len())
            && bundle.wraps.len() <= MAX_FACTORS_PER_USER
            && bundle.backups.len() <= MAX_BACKUPS;
        let sizes = bundle.statements.iter().all(|s| s.0.len() <= 2 * MAX_FACTOR_SET_BYTES)
            && bundle.wraps.iter().all(|w| w.wrapped_seed.0.len() <= MAX_WRAPPED_SEED_BYTES)
            && bundle.backups.iter().all(|b| b.sealed.0.len() <= MAX_BACKUP_BYTES);
        (counts && sizes).then_some(bundle)
    }

    /// How many wallets are in it.
    pub fn wallets(&self) -> usize {
        self.backups.len()
    }

    fn unlock(&self, with: &UnlockWith) -> Result<(SignedFactorSet, Unlocked)> {
        let current = self.statements.last().ok_or(sharekeep_recovery::Error::SetMalformed)?;
        let signed = SignedFactorSet::from_bytes(&current.0)?;
        let wraps: Vec<_> = self
            .wraps
            .iter()
            .map(|wrap| OpenWrap {
                factor: wrap.factor,
                kind: wrap.kind,
                wrapped_seed: wrap.wrapped_seed.0.clone(),
            })
            .collect();
        let (tenant, user) = (&self.tenant, &self.user);
        let seeds = WrappedSeeds { tenant, user, signed: &signed, wraps: &wraps };
        let unlocked = unlock_with_key(with, &seeds)?;
        let hint = "without the service only a recovery code or an export file helps";
        let unlocked = unlocked.ok_or_else(|| Error::Usage(hint.to_owned()))?;
        Ok((signed, unlocked))
    }

    /// Opens all backups and keeps the shares in a home that holds no wallets, marked as opened
    /// offline. Says for each wallet whether it came back. The home signs nothing with them until
    /// the enclave was asked (`sharekeep restore`).
    ///
    /// # Errors
    /// [`Error::Usage`] if the home has wallets or is another app's; [`Error::Recovery`] if the
    /// factor does not fit.
    pub fn recover(
        &self,
        home: &OpenHome,
        with: &UnlockWith,
    ) -> Result<Vec<(WalletId, Result<()>)>> {
        if home.settings().tenant != self.tenant {
            return Err(Error::Usage(format!(
                "the bundle is of the app {:?}",
                self.tenant.as_str()
            )));
        }
        let registered = home.wallets()?.iter().any(|w| w.holding == Holding::Registered);
        if registered {
            return Err(Error::Usage("this device holds wallets: use an empty home".to_owned()));
        }
        let (statement, unlocked) = self.unlock(with)?;
        let recovery = HeldRecovery { user: self.user, pin: unlocked.set.pin(), statement };
        if home.recovery()?.is_none() {
            home.store_recovery(&recovery, DurableStep::OfflineRecovery)?;
        }
        Ok(self
            .backups
            .iter()
            .map(|backup| (backup.wallet, self.recover_wallet(home, &unlocked, backup)))
            .collect())
    }

    fn recover_wallet(&self, home: &OpenHome, unlocked: &Unlocked, backup: &Backup) -> Result<()> {
        let Backup { wallet, epoch, generation, version, ref sealed } = *backup;
        let context = BackupContext {
            tenant: self.tenant.clone(),
            user: self.user,
            wallet,
            party: DEVICE.0,
            epoch,
            version,
            generation,
        };
        let content = UserBackup::open(&unlocked.keys, &context, &sealed.0)?;
        let stored = SealedBackup { wallet, epoch, generation, version, sealed: vec![] };
        let held = opened_wallet(&stored, &content, self.made_at_unix_s, Holding::Offline, None)?;
        home.store_restored(held, DurableStep::OfflineWallet).map(drop)
    }
}
