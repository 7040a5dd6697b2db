//! Which scenario gets each step made.

use sharekeep_steps::{DurableStep, Moment};

/// What the user does while somebody is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scenario {
    SetUp,
    NewSettings,
    NewRelease,
    FirstSignIn,
    SignIn,
    Renew,
    SignOut,
    SetUpRecovery,
    Create,
    Prepare,
    Backup,
    AddFactor,
    AddFactorAgain,
    RemoveFactor,
    Guess,
    Restore,
    Archive,
    DeleteBackup,
    Forget,
    NameDevice,
    RevokeDevice,
    Download,
    Offline,
}

/// Who makes a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Maker {
    Client,
    /// The function commits what the enclave decided.
    Service,
    /// The function, without the enclave.
    Function,
    /// The enclave decides; there is nothing to commit.
    Enclave,
}

/// Who is killed in which scenarios. A step that is not killed says why.
pub(crate) enum Entry {
    Killed(Maker, &'static [Scenario]),
    Spared(&'static str),
}

impl Scenario {
    /// Whether each kill has a user of its own, who then restores; for others, a restore at a
    /// step's end brings back what was made around all of its kills.
    pub(crate) fn is_once_a_user(self) -> bool {
        matches!(self, Self::SetUp | Self::FirstSignIn | Self::SetUpRecovery)
    }
}

impl Maker {
    pub(crate) fn moments(self) -> &'static [Moment] {
        match self {
            Self::Client | Self::Function => &[Moment::Before, Moment::After],
            Self::Service => &[Moment::Decided, Moment::Before, Moment::After],
            Self::Enclave => &[Moment::Decided],
        }
    }
}

/// The table: a step without a line here does not compile.
pub(crate) fn entry(step: DurableStep) -> Entry {
    use DurableStep as S;
    use Entry::Spared;
    let client = |scenarios| Entry::Killed(Maker::Client, scenarios);
    let service = |scenarios| Entry::Killed(Maker::Service, scenarios);
    match step {
        S::HomeKey | S::HomeDevice => client(&[Scenario::SetUp]),
        S::HomeSettings => client(&[Scenario::SetUp, Scenario::NewSettings]),
        S::HomePinsForgotten => client(&[Scenario::NewSettings]),
        S::HomeReleases => client(&[Scenario::SetUp, Scenario::NewSettings, Scenario::NewRelease]),
        S::HomePins => client(&[Scenario::SignIn]),
        S::HomeSession => client(&[Scenario::SignIn, Scenario::Renew]),
        S::HomeSessionForgotten => client(&[Scenario::SignOut]),
        S::WalletMade | S::BackupOffered | S::WalletActive => client(&[Scenario::Create]),
        S::BackupMarked => client(&[Scenario::Backup]),
        S::BackupUnmarked => client(&[Scenario::DeleteBackup]),
        S::WalletArchived => client(&[Scenario::Archive]),
        S::WalletForgotten => client(&[Scenario::Forget]),
        S::PreparationMade => client(&[Scenario::Prepare]),
        S::WalletLocked | S::PreparationDistrusted => {
            Spared("needs an enclave that cheats; the unit tests of cheating make it")
        }
        S::PreparationFetched | S::PreparationForgotten => {
            Spared("needs a pair's preparation, whose primes take minutes; another can be made")
        }
        S::FactorFilePromised | S::FactorFile => {
            client(&[Scenario::SetUpRecovery, Scenario::AddFactor])
        }
        S::FactorFileSuperseded => client(&[Scenario::AddFactorAgain]),
        S::ChangeBegun | S::ChangePinned => {
            client(&[Scenario::SetUpRecovery, Scenario::AddFactor, Scenario::RemoveFactor])
        }
        S::ChangeMarked => client(&[Scenario::RemoveFactor]),
        S::RecoveryFollowed => client(&[Scenario::Backup]),
        S::RecoveryLearnt | S::WalletFetched | S::WalletTakenOver => client(&[Scenario::Restore]),
        S::BundleWritten => client(&[Scenario::Download]),
        S::OfflineRecovery | S::OfflineWallet => client(&[Scenario::Offline]),
        S::ProvisionTenants => Spared("the operator's, before the first user comes"),
        S::PublishReleases => Spared("the operator's: one write, which he reads back or repeats"),
        S::ProvisionKeys => service(&[Scenario::FirstSignIn]),
        S::Attestation => Entry::Killed(Maker::Enclave, &[Scenario::SignIn]),
        S::ClaimRequest => Entry::Killed(Maker::Function, &[Scenario::Create]),
        S::OpenSession => service(&[Scenario::SignIn]),
        S::RenewSession => service(&[Scenario::Renew]),
        S::RevokeSession => service(&[Scenario::SignOut]),
        S::CreateWallet | S::StepCeremony | S::ActivateWallet => service(&[Scenario::Create]),
        S::ArchiveWallet => service(&[Scenario::Archive]),
        S::PutBackup => service(&[Scenario::Backup]),
        S::OpenBackup => service(&[Scenario::Create, Scenario::Restore]),
        S::DeleteBackup => service(&[Scenario::DeleteBackup]),
        S::OpenRecovery => service(&[Scenario::Restore]),
        S::ChangeFactors => {
            service(&[Scenario::SetUpRecovery, Scenario::AddFactor, Scenario::RemoveFactor])
        }
        S::RegisterPasscode => service(&[Scenario::SetUpRecovery]),
        S::StartGuess | S::FinishGuess => service(&[Scenario::Guess]),
        S::NameDevice => service(&[Scenario::NameDevice]),
        S::RevokeDevice => service(&[Scenario::RevokeDevice]),
        S::Restore => service(&[Scenario::Restore]),
        S::StartCeremony => service(&[Scenario::Prepare]),
        S::AbortCeremony => {
            Spared("says what a crash says: a ceremony that ends early leaves nothing")
        }
    }
}

#[test]
fn every_step_is_killed_in_some_scenario_or_says_why_not() {
    for step in DurableStep::ALL {
        match entry(*step) {
            Entry::Killed(_, scenarios) => assert!(!scenarios.is_empty(), "{step:?}"),
            Entry::Spared(why) => assert!(!why.is_empty(), "{step:?}"),
        }
    }
}
