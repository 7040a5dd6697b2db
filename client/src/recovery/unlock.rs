use super::factor::{binding, stretch};
use super::{FactorFile, NOT_SET_UP, Standing};
use crate::ceremony::SignedIn;
use crate::home::HeldRecovery;
use crate::progress::Step;
use crate::{Error, Result};
use rand_core::OsRng;
use sharekeep_recovery::factor_set::{FactorSet, SignedFactorSet, Unlocked};
use sharekeep_recovery::passcode::{Passcode, PasscodeLogin};
use sharekeep_recovery::{ExportKey, FactorSecret, RecoveryCode};
use sharekeep_schemas::sealed::{
    FinishGuess, GuessFinished, GuessStarted, OpenWrap, StartGuess, VERSION,
};
use sharekeep_schemas::{FactorId, FactorKind, TenantId, UserId};
use sharekeep_steps::DurableStep;

/// A factor's secret, as its user brings it.
pub enum UnlockWith {
    /// A passcode; costs a guess. Which factor must be said if there is more than one of the kind.
    Passcode {
        /// What the user typed.
        passcode: Passcode,
        /// Which of them.
        factor: Option<FactorId>,
    },
    /// A recovery code.
    RecoveryCode(RecoveryCode),
    /// An export file, opened.
    ExportFile(FactorFile),
    /// A cloud file with its passcode; costs a guess.
    CloudFile {
        /// The file.
        file: FactorFile,
        /// What the user typed.
        passcode: Passcode,
    },
}

/// The user's recovery, unlocked by a factor. In memory only.
pub struct UnlockedRecovery {
    pub(crate) unlocked: Unlocked,
}

impl UnlockedRecovery {
    /// All factors, believed.
    pub fn factors(&self) -> &FactorSet {
        &self.unlocked.set
    }
}

/// What is opened with no passcode: from the service or from a bundle.
pub(crate) struct WrappedSeeds<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) user: &'a UserId,
    pub(crate) signed: &'a SignedFactorSet,
    pub(crate) wraps: &'a [OpenWrap],
}

/// Unlocks with a factor that needs no passcode; `None` if it is another kind.
pub(crate) fn unlock_with_key(
    with: &UnlockWith,
    seeds: &WrappedSeeds<'_>,
) -> Result<Option<Unlocked>> {
    let (secret, kind, id) = match with {
        UnlockWith::RecoveryCode(code) => {
            (FactorSecret::recovery_code(code), FactorKind::RecoveryCode, None)
        }
        UnlockWith::ExportFile(file) => {
            let secret = FactorSecret::export_file(&file.key);
            (secret, FactorKind::ExportFile, Some(file.factor))
        }
        UnlockWith::Passcode { .. } | UnlockWith::CloudFile { .. } => return Ok(None),
    };
    // A code says not which of the codes it is.
    let mut result = Err(sharekeep_recovery::Error::Unlocking);
    let candidates = seeds
        .wraps
        .iter()
        .filter(|wrap| wrap.kind == kind && id.is_none_or(|id| id == wrap.factor));
    for wrap in candidates {
        let keys = secret.keys(seeds.tenant, seeds.user, wrap.factor);
        result = seeds.signed.unlock(&keys, &wrap.wrapped_seed);
        if result.is_ok() {
            break;
        }
    }
    Ok(Some(result?))
}

impl SignedIn<'_> {
    /// Unlocks the recovery seed with one factor, and pins what it proves: from then on this device
    /// seals backups to the user's keys.
    ///
    /// # Errors
    /// [`Error::WrongPasscode`]; [`Error::Recovery`] for another wrong secret, or if what the
    /// service shows is not the user's; [`Error::NoRecovery`].
    pub async fn unlock(&self, with: UnlockWith) -> Result<UnlockedRecovery> {
        let standing = self.standing().await?.ok_or(Error::NoRecovery(NOT_SET_UP))?;
        self.settle(Some(&standing))?;
        let seeds = WrappedSeeds {
            tenant: self.tenant(),
            user: self.user_id(),
            signed: &standing.signed,
            wraps: &standing.wraps,
        };
        let unlocked = match unlock_with_key(&with, &seeds)? {
            Some(unlocked) => unlocked,
            None => self.unlock_with_passcode(with, &standing).await?,
        };
        // A device that knew the user before also checks that nothing older is shown to it.
        match self.home().recovery()? {
            Some(_) => drop(self.pin(&standing.signed)?),
            None => {
                let (user, pin) = (*self.user_id(), unlocked.set.pin());
                let held = HeldRecovery { user, pin, statement: standing.signed };
                self.home().store_recovery(&held, DurableStep::RecoveryLearnt)?;
            }
        }
        Ok(UnlockedRecovery { unlocked })
    }

    async fn unlock_with_passcode(
        &self,
        with: UnlockWith,
        standing: &Standing,
    ) -> Result<Unlocked> {
        let (file, passcode, factor) = match with {
            UnlockWith::Passcode { passcode, factor } => {
                let factor = match factor {
                    Some(factor) => factor,
                    None => self.only_passcode().await?,
                };
                (None, passcode, factor)
            }
            UnlockWith::CloudFile { file, passcode } => {
                let factor = file.factor;
                (Some(file), passcode, factor)
            }
            UnlockWith::RecoveryCode(_) | UnlockWith::ExportFile(_) => {
                return Err(Error::Recovery(sharekeep_recovery::Error::Unlocking));
            }
        };
        let (wrapped_seed, export_key) = self.guess(factor, passcode).await?;
        let secret = match &file {
            None => FactorSecret::passcode(&export_key),
            Some(file) => FactorSecret::cloud_file(&file.key, &export_key),
        };
        let keys = secret.keys(self.tenant(), self.user_id(), factor);
        Ok(standing.signed.unlock(&keys, &wrapped_seed)?)
    }

    /// Each guess is charged, so none is spent on finding out which passcode was meant.
    async fn only_passcode(&self) -> Result<FactorId> {
        let factors = self.client().list_factors(self.session()).await?;
        let mut passcodes = factors.iter().filter(|f| f.kind == FactorKind::Passcode);
        match (passcodes.next(), passcodes.next()) {
            (Some(only), None) => Ok(only.factor_id),
            (None, _) => Err(Error::Usage("there is no passcode; use another factor".to_owned())),
            _ => Err(Error::Usage("there is more than one passcode: say which".to_owned())),
        }
    }

    /// One guess, from KE1 to the sealed seed.
    async fn guess(&self, factor: FactorId, passcode: Passcode) -> Result<(Vec<u8>, ExportKey)> {
        let (login, ke1) = PasscodeLogin::start(passcode, &mut OsRng)?;
        let path = format!("/v1/factors/{factor}/guess");
        let payload = StartGuess { version: VERSION, ke1: ke1.to_vec() };
        self.progress().report(Step::Guessing);
        let GuessStarted { ke2, guesses_left, next_guess_unix_s } =
            self.client().ask(self.session(), &path, &payload).await?;
        self.progress().report(Step::Stretching);
        let (tenant, user) = (self.tenant().clone(), *self.user_id());
        let (ke3, export_key) =
            stretch(move || login.finish(&ke2, &binding(&tenant, &user, factor), &mut OsRng))
                .await
                .map_err(|error| match error {
                    Error::Recovery(sharekeep_recovery::Error::PasscodeWrong) => {
                        Error::WrongPasscode { guesses_left, next_guess_unix_s }
                    }
                    other => other,
                })?;
        let path = format!("{path}/finish");
        let payload = FinishGuess { version: VERSION, ke3: ke3.to_vec() };
        let finished: GuessFinished = self.client().ask(self.session(), &path, &payload).await?;
        Ok((finished.wrapped_seed, export_key))
    }
}
