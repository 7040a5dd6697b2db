//! One table of everything that client, functions and enclave make last: whoever writes says which
//! step it is, so that a new step does not compile without an entry here, and the crash tests, which
//! match on all of them, do not compile without a scenario for it.
//!
//! With the feature `failpoints`, which only the tests may ask for, a process kills itself
//! (SIGKILL, so nothing is tidied up) at the step that its environment names. Otherwise reaching a
//! step does nothing.
//!
//! Not in the table: nonces, counters of rates and idempotency rows that are given back. They are
//! written on their own, and lost or left over they cost a caller a retry.
//!
//! ```
//! use sharekeep_steps::{DurableStep, Moment, reached};
//! reached(DurableStep::HomeSession, Moment::Before);
//! // The session is written here.
//! reached(DurableStep::HomeSession, Moment::After);
//! assert_eq!(DurableStep::HomeSession.name(), "home-session");
//! ```

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("failpoints kill the process: they have no place in a release build");

/// Names the step and the moment at which a process kills itself: `home-session:before`.
#[cfg(feature = "failpoints")]
pub const FAILPOINT_VARIABLE: &str = "SHAREKEEP_FAILPOINT";

macro_rules! steps {
    ($( $(#[$doc:meta])* $step:ident = $name:literal, )+) => {
        /// Something that outlives the process which does it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum DurableStep {
            $( $(#[$doc])* $step, )+
        }

        impl DurableStep {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$step, )+];

            /// What it is called from outside.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$step => $name, )+ }
            }
        }
    };
}

steps! {
    // The client's files.

    /// The device's file key.
    HomeKey = "home-key",
    /// The device's id and identity key.
    HomeDevice = "home-device",
    /// The settings: with them, a home is set up.
    HomeSettings = "home-settings",
    /// What was learnt of the enclave and the deployment.
    HomePins = "home-pins",
    /// The deployment's pins are dropped for another deployment's.
    HomePinsForgotten = "home-pins-forgotten",
    /// Releases that were accepted, and the highest minimum version seen.
    HomeReleases = "home-releases",
    /// A session that was opened or renewed.
    HomeSession = "home-session",
    /// A session that was ended.
    HomeSessionForgotten = "home-session-forgotten",
    /// The share of a wallet that was just made.
    WalletMade = "wallet-made",
    /// The first backup, before it is sent.
    BackupOffered = "backup-offered",
    /// The wallet is active, by its receipt.
    WalletActive = "wallet-active",
    /// A later backup is stored.
    BackupMarked = "backup-marked",
    /// A deleted backup's mark goes.
    BackupUnmarked = "backup-unmarked",
    /// The wallet was put away.
    WalletArchived = "wallet-archived",
    /// The share of a half-made wallet is erased.
    WalletForgotten = "wallet-forgotten",
    /// A wallet stops since the other side cheated.
    WalletLocked = "wallet-locked",
    /// The half of a preparation that was just made.
    PreparationMade = "preparation-made",
    /// The half of a preparation that came with a backup.
    PreparationFetched = "preparation-fetched",
    /// A half without its other half is erased.
    PreparationForgotten = "preparation-forgotten",
    /// A preparation with which the other side cheated is erased.
    PreparationDistrusted = "preparation-distrusted",
    /// Where a factor's file will be, before it is there.
    FactorFilePromised = "factor-file-promised",
    /// A file of an earlier change that never stood is moved out of the way.
    FactorFileSuperseded = "factor-file-superseded",
    /// A recovery code, an export file or a cloud file for the user.
    FactorFile = "factor-file",
    /// A change of factors, before it is sent.
    ChangeBegun = "change-begun",
    /// The marks of backups that a change of factors stored.
    ChangeMarked = "change-marked",
    /// The statement of this device's own change is pinned.
    ChangePinned = "change-pinned",
    /// The statement of another device's change is pinned.
    RecoveryFollowed = "recovery-followed",
    /// The first statement that a factor proved on this device.
    RecoveryLearnt = "recovery-learnt",
    /// A share out of a backup, before the enclave is asked.
    WalletFetched = "wallet-fetched",
    /// The enclave knows that this device holds the share.
    WalletTakenOver = "wallet-taken-over",
    /// The bundle of a download.
    BundleWritten = "bundle-written",
    /// The statement out of a bundle.
    OfflineRecovery = "offline-recovery",
    /// A share out of a bundle.
    OfflineWallet = "offline-wallet",

    // What the functions commit. The enclave has answered by then; `Moment::Decided` is its own.

    /// The operator's tenant documents.
    ProvisionTenants = "provision-tenants",
    /// The releases that users are handed.
    PublishReleases = "publish-releases",
    /// Data keys or the deployment's keys.
    ProvisionKeys = "provision-keys",
    /// An attestation and what the enclave wrote on the way.
    Attestation = "attestation",
    /// An idempotency key is taken.
    ClaimRequest = "claim-request",
    /// `POST /v1/sessions`
    OpenSession = "open-session",
    /// `POST /v1/sessions/{id}/renew`
    RenewSession = "renew-session",
    /// `POST /v1/sessions/{id}/revoke`
    RevokeSession = "revoke-session",
    /// `POST /v1/wallets`
    CreateWallet = "create-wallet",
    /// `POST /v1/wallets/{id}/activate`
    ActivateWallet = "activate-wallet",
    /// `POST /v1/wallets/{id}/archive`
    ArchiveWallet = "archive-wallet",
    /// `POST /v1/wallets/{id}/backup`
    PutBackup = "put-backup",
    /// `POST /v1/wallets/{id}/backup/open`
    OpenBackup = "open-backup",
    /// `POST /v1/wallets/{id}/backup/delete`
    DeleteBackup = "delete-backup",
    /// `POST /v1/recovery/open`
    OpenRecovery = "open-recovery",
    /// `POST /v1/recovery/factors`
    ChangeFactors = "change-factors",
    /// `POST /v1/factors/{id}/register`
    RegisterPasscode = "register-passcode",
    /// `POST /v1/factors/{id}/guess`
    StartGuess = "start-guess",
    /// `POST /v1/factors/{id}/guess/finish`
    FinishGuess = "finish-guess",
    /// `POST /v1/devices/{id}/name`
    NameDevice = "name-device",
    /// `POST /v1/devices/{id}/revoke`
    RevokeDevice = "revoke-device",
    /// `POST /v1/restore`
    Restore = "restore",
    /// `POST /v1/ceremonies`
    StartCeremony = "start-ceremony",
    /// `POST /v1/ceremonies/{id}/steps`
    StepCeremony = "step-ceremony",
    /// `POST /v1/ceremonies/{id}/abort`
    AbortCeremony = "abort-ceremony",
}

/// When, as seen from a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// The enclave has decided and remembers it; its reply has not left.
    Decided,
    /// All is ready to be made durable. A file is written beside its place and not yet renamed.
    Before,
    /// It is durable, and nobody was told.
    After,
}

impl Moment {
    /// What it is called from outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Says that a step is about to be made or was made. Here the crash tests kill the process.
#[cfg(feature = "failpoints")]
pub fn reached(step: DurableStep, moment: Moment) {
    let armed = std::env::var(FAILPOINT_VARIABLE).unwrap_or_default();
    if armed.split_once(':') == Some((step.name(), moment.name())) {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // The signal is on its way, and nothing may happen after it.
        loop {
            std::thread::park();
        }
    }
}

/// Says that a step is about to be made or was made. Here the crash tests kill the process.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn reached(_: DurableStep, _: Moment) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_step_has_a_name_of_its_own_that_a_failpoint_can_carry() {
        let names: BTreeSet<_> = DurableStep::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names.len(), DurableStep::ALL.len());
        for name in names {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
        }
    }
}
