use super::factor::ReadyFactor;
use super::{NewFactor, UnlockedRecovery, check_wraps};
use crate::ceremony::SignedIn;
use crate::home::{BackupMark, BegunChange, Holding};
use crate::{Error, Result};
use rand_core::OsRng;
use sharekeep_channel::encapsulation::Suite;
use sharekeep_recovery::factor_set::{
    Change, FactorSet, MAX_FACTORS, NewFactor as NewSetFactor, Waiver,
};
use sharekeep_recovery::{RecoveryPublic, RecoverySeed, UserBackup};
use sharekeep_schemas::sealed::{ChangeFactors, FactorWrap, FactorsChanged, SealedBackup, VERSION};
use sharekeep_schemas::{FactorId, WalletId};
use std::num::NonZeroU8;

const SET_UP_ALREADY: &str = "recovery is set up already: use `sharekeep factor`";

/// A change of factors, ready to be sent. Codes must be shown and files written before it is: once
/// it stands, they are what opens the backups.
pub struct FactorDraft {
    begun: BegunChange,
    request: ChangeFactors,
    set: FactorSet,
}

impl FactorDraft {
    /// The factors as they will be.
    pub fn factors(&self) -> &FactorSet {
        &self.set
    }
}

/// A change of factors that stands and is pinned.
#[must_use]
#[derive(Debug)]
pub struct Committed {
    /// The factors as they are now.
    pub set: FactorSet,
    /// Whether every backup that was sealed anew came back as it was sealed. Whatever went wrong
    /// here, the factors are changed: [`Error::BackupOf`] names a wallet whose backup is another one
    /// or gone, any other error says why it could not be read.
    pub read_back: Result<()>,
}

impl SignedIn<'_> {
    /// Draws a recovery seed and makes the user's first factors.
    ///
    /// # Errors
    /// [`Error::Usage`] if recovery is set up already, [`Error::NoRecovery`] if it is on another
    /// device, [`Error::Recovery`] if the factors break a rule.
    pub async fn draft_recovery(
        &self,
        factors: Vec<NewFactor>,
        waiver: Waiver,
    ) -> Result<FactorDraft> {
        if self.sync_recovery().await?.is_some() {
            return Err(Error::Usage(SET_UP_ALREADY.to_owned()));
        }
        let seed = RecoverySeed::generate(&mut OsRng);
        let ready = self.make_all_ready(factors).await?;
        let change = FactorSet::first(
            self.tenant(),
            self.user_id(),
            &seed,
            &new_factors(&ready),
            waiver,
            &mut OsRng,
        )?;
        Ok(self.draft(change, &ready, vec![], vec![]))
    }

    /// Adds and removes factors. Removing any draws a new seed and seals all backups to it, so that
    /// what is stored from then on does not open with the removed one.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such factor, [`Error::Recovery`] if the factors break a rule
    /// or a backup does not open.
    pub async fn draft_change(
        &self,
        unlocked: &UnlockedRecovery,
        add: Vec<NewFactor>,
        remove: &[FactorId],
        waiver: Option<Waiver>,
    ) -> Result<FactorDraft> {
        let (old, set) = (&unlocked.unlocked.seed, &unlocked.unlocked.set);
        if let Some(unknown) = remove.iter().find(|id| set.factor(**id).is_none()) {
            return Err(Error::Usage(format!("there is no factor {unknown}")));
        }
        let waiver = waiver.unwrap_or(set.waiver);
        let ready = self.make_all_ready(add).await?;
        if remove.is_empty() {
            let change = set.amended(old, &new_factors(&ready), waiver, &mut OsRng)?;
            return Ok(self.draft(change, &ready, vec![], vec![]));
        }
        let new = RecoverySeed::generate(&mut OsRng);
        let change = set.rotated(old, &new, remove, &new_factors(&ready), waiver, &mut OsRng)?;
        let (backups, marks) = self.reseal_all(unlocked, &change.set.recovery).await?;
        Ok(self.draft(change, &ready, backups, marks))
    }

    /// Sends a draft, reads back what stands, and pins it; then reads back every backup that was
    /// sealed anew, which is reported apart. After a lost answer
    /// [`sync_recovery`](Self::sync_recovery) finds out which it is.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Disagreement`] or [`Error::Backup`] if something else stands.
    pub async fn commit_factors(&self, draft: FactorDraft) -> Result<Committed> {
        self.home().begin_change(&draft.begun)?;
        let changed: FactorsChanged =
            self.client().ask(self.session(), "/v1/recovery/factors", &draft.request).await?;
        let pin = &draft.begun.pin;
        if (changed.generation, changed.sequence) != (pin.recovery.generation, pin.sequence) {
            return Err(Error::Disagreement("list of factors"));
        }
        let standing = self.standing().await?.ok_or(Error::Disagreement("list of factors"))?;
        if standing.signed != draft.begun.statement {
            return Err(Error::Disagreement("list of factors"));
        }
        check_wraps(&draft.set, &standing.wraps)?;
        self.settle(Some(&standing))?;
        let read_back = self.check_resealed(&draft.request.backups).await;
        Ok(Committed { set: draft.set, read_back })
    }

    /// Reads back what a rotation stored: the old backups are gone, so it is all that there is.
    async fn check_resealed(&self, backups: &[SealedBackup]) -> Result<()> {
        for backup in backups {
            let wallet = backup.wallet;
            let stored = self.open_required_backup(wallet).await?;
            // A newer one, by another device, is sealed to the same keys or later ones.
            BackupMark::new(backup, None)
                .compare(backup.epoch, &stored)
                .map_err(|why| Error::BackupOf { wallet, why })?;
        }
        Ok(())
    }

    async fn make_all_ready(&self, factors: Vec<NewFactor>) -> Result<Vec<ReadyFactor>> {
        if factors.len() > MAX_FACTORS {
            return Err(Error::Usage("these are too many factors".to_owned()));
        }
        let mut ready = Vec::with_capacity(factors.len());
        for factor in factors {
            ready.push(self.make_ready(factor).await?);
        }
        Ok(ready)
    }

    fn draft(
        &self,
        change: Change,
        ready: &[ReadyFactor],
        backups: Vec<SealedBackup>,
        marks: Vec<(WalletId, BackupMark)>,
    ) -> FactorDraft {
        let Change { signed, set, wrapped } = change;
        let passcode = |id: FactorId| {
            let ready = ready.iter().find(|ready| ready.keys.place().id == id)?;
            ready.passcode.as_ref()
        };
        let wraps = wrapped
            .into_iter()
            .map(|wrap| {
                let passcode = passcode(wrap.factor);
                FactorWrap {
                    factor: wrap.factor,
                    registration: passcode.map(|upload| upload.bytes.to_vec()),
                    wrapped_seed: wrap.bytes,
                    guess_limit: passcode.and_then(|upload| upload.guess_limit).map(NonZeroU8::get),
                }
            })
            .collect();
        let request =
            ChangeFactors { version: VERSION, statement: signed.to_bytes(), wraps, backups };
        let (user, pin) = (*self.user_id(), set.pin());
        FactorDraft { begun: BegunChange { user, pin, statement: signed, marks }, request, set }
    }

    /// All backups anew, sealed to other keys: from the share where this device holds it, from the
    /// old backup where not.
    async fn reseal_all(
        &self,
        unlocked: &UnlockedRecovery,
        to: &RecoveryPublic,
    ) -> Result<(Vec<SealedBackup>, Vec<(WalletId, BackupMark)>)> {
        let (mut backups, mut marks) = (Vec::new(), Vec::new());
        for view in self.client().list_backups(self.session()).await? {
            let id = view.wallet_id;
            let held =
                self.home().wallet(id)?.filter(|wallet| wallet.holding == Holding::Registered);
            let backup = if let Some(wallet) = held {
                let (backup, mark) =
                    self.seal_backup(&wallet, to, view.version.saturating_add(1))?;
                marks.push((id, mark));
                backup
            } else {
                self.reseal(unlocked, id, to).await?
            };
            backups.push(backup);
        }
        Ok((backups, marks))
    }

    async fn reseal(
        &self,
        unlocked: &UnlockedRecovery,
        id: WalletId,
        to: &RecoveryPublic,
    ) -> Result<SealedBackup> {
        let stored = self.open_backup(id).await?;
        let context = self.backup_context(&stored);
        let content = UserBackup::open(&unlocked.unlocked.keys, &context, &stored.sealed)?;
        let content = UserBackup { recovery: to.clone(), ..content };
        let next = SealedBackup {
            generation: to.generation,
            version: stored.version.saturating_add(1),
            sealed: vec![],
            ..stored
        };
        let context = self.backup_context(&next);
        let sealed = content.seal(to, &context, Suite::default(), &mut OsRng)?;
        Ok(SealedBackup { sealed, ..next })
    }
}

fn new_factors(ready: &[ReadyFactor]) -> Vec<NewSetFactor<'_>> {
    ready
        .iter()
        .map(|ready| NewSetFactor { keys: &ready.keys, label: ready.label.clone() })
        .collect()
}
