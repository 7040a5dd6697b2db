//! What every factor set must be, and what may follow what. Client and enclave run the same.

use super::{FactorSet, MAX_FACTORS, MAX_LABEL_BYTES, MAX_LINEAGE};
use serde::{Deserialize, Serialize};
use sharekeep_schemas::FactorKind;
use std::collections::BTreeSet;
use thiserror::Error;

/// Whether the user accepted that every factor can be destroyed by wrong guesses, which anybody with
/// the user's token can make.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiver {
    /// No: some factor outlives the guesses.
    NotGiven,
    /// Yes, told what it means.
    PasscodeAlone,
}

/// A rule that a factor set breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BrokenRule {
    /// The last factor can't go: the backups would open for nobody.
    #[error("there must be a factor")]
    NoFactor,
    /// More than [`MAX_FACTORS`].
    #[error("there are too many factors")]
    TooManyFactors,
    /// Two factors share an id or a key.
    #[error("two factors are the same")]
    RepeatedFactor,
    /// A label is empty, too long or holds control characters.
    #[error("a label is not 1 to 64 printable bytes")]
    Label,
    /// Every factor can be destroyed by guesses, and the user did not accept that.
    #[error("a passcode alone needs a waiver")]
    WaiverNeeded,
    /// Numbers, predecessor or lineage don't fit each other.
    #[error("generation, sequence and lineage do not fit each other")]
    Numbering,
    /// A factor was registered under a generation that the lineage does not reach.
    #[error("a factor was registered under an unknown generation")]
    FactorTooOld,

    /// The set is not the successor of the one it is compared with.
    #[error("the set does not follow the one before")]
    NotSuccessor,
    /// A factor was removed or replaced without a new seed: it would go on opening backups.
    #[error("removing or replacing a factor needs a new recovery seed")]
    RotationNeeded,
    /// A new generation uses a key or a sealed seed of the old one.
    #[error("the new generation is not new")]
    NotRotated,
    /// A factor that stayed has another key, kind or registration than before.
    #[error("a factor changed under its id")]
    FactorChanged,
    /// A factor that came was not registered under the set's own keys.
    #[error("a new factor is not registered under these recovery keys")]
    ForeignFactor,
}

/// Whether wrong guesses, which need no secret, can destroy a factor of this kind.
const fn falls_to_guesses(kind: FactorKind) -> bool {
    match kind {
        FactorKind::Passcode | FactorKind::CloudFile => true,
        FactorKind::RecoveryCode | FactorKind::ExportFile => false,
    }
}

impl FactorSet {
    /// The rules for one set by itself.
    pub(super) fn check_alone(&self) -> Result<(), BrokenRule> {
        if self.factors.is_empty() {
            return Err(BrokenRule::NoFactor);
        }
        if self.factors.len() > MAX_FACTORS {
            return Err(BrokenRule::TooManyFactors);
        }
        let ids: BTreeSet<_> = self.factors.iter().map(|factor| factor.id).collect();
        let keys: BTreeSet<_> = self.factors.iter().map(|factor| factor.key).collect();
        if ids.len() != self.factors.len() || keys.len() != self.factors.len() {
            return Err(BrokenRule::RepeatedFactor);
        }
        if self.factors.iter().filter_map(|factor| factor.label.as_deref()).any(is_bad_label) {
            return Err(BrokenRule::Label);
        }
        let fragile = self.factors.iter().all(|factor| falls_to_guesses(factor.kind));
        if fragile && self.waiver == Waiver::NotGiven {
            return Err(BrokenRule::WaiverNeeded);
        }
        self.check_numbers()
    }

    fn check_numbers(&self) -> Result<(), BrokenRule> {
        let generation = self.recovery.generation;
        let last_is_current = self.lineage.last().is_none_or(|last| last.to == self.recovery);
        let consecutive = self
            .lineage
            .windows(2)
            .all(|pair| pair[1].to.generation.checked_sub(1) == Some(pair[0].to.generation));
        // The keys of the first generation follow from nothing.
        let first = self.lineage.first().map_or(generation, |first| first.to.generation);
        let starts_somewhere = first > u64::from(!self.lineage.is_empty());
        let complete = self.lineage.len() == MAX_LINEAGE
            || self.lineage.len() as u64 == generation.saturating_sub(1);
        let counted =
            self.sequence >= generation && (self.sequence == 1) == self.previous.is_none();
        if !(last_is_current && consecutive && starts_somewhere && complete && counted) {
            return Err(BrokenRule::Numbering);
        }
        // The oldest generation from which the lineage leads here.
        let oldest = generation - self.lineage.len() as u64;
        for factor in &self.factors {
            let known = match self.generation(factor.since.generation) {
                Some(keys) => *keys == factor.since,
                None => factor.since.generation == oldest,
            };
            if !known {
                return Err(BrokenRule::FactorTooOld);
            }
        }
        Ok(())
    }

    fn generation(&self, generation: u64) -> Option<&crate::RecoveryPublic> {
        std::iter::once(&self.recovery)
            .chain(self.lineage.iter().map(|rotation| &rotation.to))
            .find(|keys| keys.generation == generation)
    }

    /// The rules for this set as the successor of `previous`. Both are checked by themselves.
    pub(super) fn check_follows(&self, previous: &Self) -> Result<(), BrokenRule> {
        let next = self.sequence == previous.sequence.saturating_add(1)
            && self.previous == Some(previous.hash())
            && (&self.tenant, self.user) == (&previous.tenant, previous.user);
        if !next {
            return Err(BrokenRule::NotSuccessor);
        }
        let rotated = self.recovery.generation != previous.recovery.generation;
        if rotated {
            self.check_rotation(previous)?;
        } else if self.recovery != previous.recovery || self.lineage != previous.lineage {
            return Err(BrokenRule::NotSuccessor);
        }
        for old in &previous.factors {
            let Some(new) = self.factor(old.id) else {
                if rotated {
                    continue;
                }
                return Err(BrokenRule::RotationNeeded);
            };
            if (new.kind, new.key, &new.since, &new.voucher)
                != (old.kind, old.key, &old.since, &old.voucher)
            {
                return Err(BrokenRule::FactorChanged);
            }
            let same_box = new.wrap_hash == old.wrap_hash;
            match (rotated, same_box) {
                (true, true) => return Err(BrokenRule::NotRotated),
                (false, false) => return Err(BrokenRule::FactorChanged),
                (true, false) | (false, true) => {}
            }
        }
        let added = self.factors.iter().filter(|factor| previous.factor(factor.id).is_none());
        for new in added {
            if new.since != self.recovery {
                return Err(BrokenRule::ForeignFactor);
            }
        }
        Ok(())
    }

    fn check_rotation(&self, previous: &Self) -> Result<(), BrokenRule> {
        let (old, new) = (&previous.recovery, &self.recovery);
        let kept = previous.lineage.len().min(MAX_LINEAGE - 1);
        let carried = self.lineage.len() == kept + 1
            && self.lineage[..kept] == previous.lineage[previous.lineage.len() - kept..];
        if old.generation.checked_add(1) != Some(new.generation) || !carried {
            return Err(BrokenRule::NotSuccessor);
        }
        if new.hpke == old.hpke || new.verify == old.verify {
            return Err(BrokenRule::NotRotated);
        }
        Ok(())
    }
}

fn is_bad_label(label: &str) -> bool {
    label.is_empty() || label.len() > MAX_LABEL_BYTES || label.chars().any(char::is_control)
}
