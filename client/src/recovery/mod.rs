//! The user's recovery as this device sees it: what it pinned, what the service says stands, and how
//! the one follows from the other.
//!
//! The service is asked; the pinned key decides. A statement is taken over only if its keys follow
//! from the pinned ones, so neither a recovery key nor a factor can be put in place of the user's.

mod change;
mod factor;
mod file;
mod passphrase_file;
mod unlock;

pub use change::{Committed, FactorDraft};
pub use factor::NewFactor;
pub use file::{FactorFile, create_secret_file, write_secret_file};
pub use passphrase_file::{open_with_passphrase, seal_with_passphrase};
pub use unlock::{UnlockWith, UnlockedRecovery};
pub(crate) use unlock::{WrappedSeeds, unlock_with_key};

use crate::ceremony::SignedIn;
use crate::home::{BegunChange, HeldRecovery, Session};
use crate::{Client, Error, Result};
use sharekeep_recovery::factor_set::{FactorSet, SignedFactorSet};
use sharekeep_recovery::wrap_hash;
use sharekeep_schemas::http::FactorView;
use sharekeep_schemas::limits::MAX_FACTORS_PER_USER;
use sharekeep_schemas::sealed::{OpenWrap, Plain, RecoveryOpened};
use sharekeep_schemas::{TenantId, UserId};
use sharekeep_steps::DurableStep;

const NOT_SET_UP: &str = "recovery is not set up: run `sharekeep recovery setup`";
const SET_UP_ELSEWHERE: &str =
    "recovery was set up on another device: run `sharekeep restore` to join with a factor";
const OTHER_USER: &str = "this device's recovery is another user's";

/// What the service says stands. Nothing of it is believed yet.
pub(crate) struct Standing {
    pub(crate) signed: SignedFactorSet,
    pub(crate) wraps: Vec<OpenWrap>,
}

/// A change of factors that was interrupted on this device and that stands after all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettledChange {
    /// The factors as they are now.
    pub factors: FactorSet,
    /// Which of this device's tries it was.
    pub attempt: Attempt,
}

/// Which of several changes that were begun one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// The last one.
    Last,
    /// An earlier one: what the last one gave out opens nothing.
    Earlier,
}

impl Client {
    /// The user's factors, as the store's routing columns show them.
    ///
    /// # Errors
    /// [`Error::Refused`], among others.
    pub async fn list_factors(&self, session: &Session) -> Result<Vec<FactorView>> {
        self.list(session, "/v1/factors").await
    }
}

impl SignedIn<'_> {
    pub(crate) fn tenant(&self) -> &TenantId {
        &self.session().tenant
    }

    pub(crate) fn user_id(&self) -> &UserId {
        &self.session().user
    }

    /// What this device pinned.
    pub(crate) fn recovery_pin(&self) -> Result<HeldRecovery> {
        let held = self.home().recovery()?.ok_or(Error::NoRecovery(NOT_SET_UP))?;
        if held.user != *self.user_id() {
            return Err(Error::NoRecovery(OTHER_USER));
        }
        Ok(held)
    }

    /// Asks what stands and takes it over, if it follows from what this device pinned. A change that
    /// was interrupted here is settled once it stands, or another one in its place: until then its
    /// request may still be on its way. `None` if recovery is not set up.
    ///
    /// # Errors
    /// [`Error::Recovery`] if what stands does not follow, [`Error::NoRecovery`] if this device
    /// knows nothing to compare it with, or knows another user's.
    pub async fn sync_recovery(&self) -> Result<Option<FactorSet>> {
        // Another user's recovery says nothing about what stands for this one: that it is another
        // list, or none, is no rollback.
        if self.home().recovery()?.is_some() {
            self.recovery_pin()?;
        }
        let standing = self.standing().await?;
        self.settle(standing.as_ref())?;
        match (self.home().recovery()?, standing) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Error::NoRecovery(SET_UP_ELSEWHERE)),
            // It was there once: to deny it is to roll back.
            (Some(_), None) => Err(Error::Recovery(sharekeep_recovery::Error::SetRolledBack)),
            (Some(_), Some(standing)) => self.pin(&standing.signed).map(Some),
        }
    }

    /// Settles a change of factors that was interrupted on this device. `None` if none was, or none
    /// stands.
    ///
    /// # Errors
    /// As [`sync_recovery`](Self::sync_recovery).
    pub async fn settle_interrupted(&self) -> Result<Option<SettledChange>> {
        let begun = self.home().begun_changes()?;
        if begun.is_empty() {
            return Ok(None);
        }
        let Some(factors) = self.sync_recovery().await? else { return Ok(None) };
        let Some(held) = self.home().recovery()? else { return Ok(None) };
        let later = begun.iter().rev().position(|change| change.statement == held.statement);
        Ok(later.map(|later| {
            let attempt = if later == 0 { Attempt::Last } else { Attempt::Earlier };
            SettledChange { factors, attempt }
        }))
    }

    /// Verifies a statement against the pinned one and pins it.
    pub(crate) fn pin(&self, signed: &SignedFactorSet) -> Result<FactorSet> {
        let held = self.recovery_pin()?;
        let set = signed.verify(self.tenant(), self.user_id(), &held.pin)?;
        if set.pin() != held.pin {
            let (user, pin, statement) = (held.user, set.pin(), signed.clone());
            let held = HeldRecovery { user, pin, statement };
            self.home().store_recovery(&held, DurableStep::RecoveryFollowed)?;
        }
        Ok(set)
    }

    /// What the service says stands; `None` only if the enclave itself says, under seal, that
    /// recovery was never set up. A refusal can come from anybody on the way, and says nothing.
    pub(crate) async fn standing(&self) -> Result<Option<Standing>> {
        let opened: RecoveryOpened =
            self.client().ask(self.session(), "/v1/recovery/open", &Plain::default()).await?;
        if opened.wraps.len() > MAX_FACTORS_PER_USER {
            return Err(Error::Answer("it holds too many factors"));
        }
        let Some(current) = opened.statements.last() else { return Ok(None) };
        let signed = SignedFactorSet::from_bytes(current)?;
        Ok(Some(Standing { signed, wraps: opened.wraps }))
    }

    /// Takes over what stands, if this device began it. Changes that do not stand stay remembered:
    /// the list that they replace may be there only because they are still on their way.
    fn settle(&self, standing: Option<&Standing>) -> Result<()> {
        let Some(standing) = standing else { return Ok(()) };
        let begun = self.home().begun_changes()?;
        let own = |change: &BegunChange| change.statement == standing.signed;
        let Some(change) = begun.into_iter().find(own) else { return Ok(()) };
        if change.user != *self.user_id() {
            return Err(Error::NoRecovery(OTHER_USER));
        }
        // The pin is last: until it is written, all of this is done once more.
        for (id, mark) in &change.marks {
            if let Some(mut wallet) = self.home().wallet(*id)? {
                wallet.backup = Some(mark.clone());
                self.home().store_wallet(&wallet, DurableStep::ChangeMarked)?;
            }
        }
        let BegunChange { user, pin, statement, .. } = change;
        let held = HeldRecovery { user, pin, statement };
        self.home().store_recovery(&held, DurableStep::ChangePinned)
    }
}

/// Whether every factor that needs no passcode can be opened by what is stored for it.
pub(crate) fn check_wraps(set: &FactorSet, wraps: &[OpenWrap]) -> Result<()> {
    let missing = || Error::Backup("the sealed seed of a factor is not the one that was sent");
    for factor in set.factors.iter().filter(|factor| !needs_passcode(factor.kind)) {
        let wrap = wraps.iter().find(|wrap| wrap.factor == factor.id).ok_or_else(missing)?;
        if wrap_hash(&wrap.wrapped_seed) != factor.wrap_hash {
            return Err(missing());
        }
    }
    Ok(())
}

pub(crate) const fn needs_passcode(kind: sharekeep_schemas::FactorKind) -> bool {
    use sharekeep_schemas::FactorKind;
    matches!(kind, FactorKind::Passcode | FactorKind::CloudFile)
}
