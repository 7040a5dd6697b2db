use crate::refusal::Refusal;
use std::path::PathBuf;

/// Everything that can go wrong on the user's side. [`Error::kind`] sorts it for programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting or an argument makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The service refused the request.
    #[error("the service refused: {0}")]
    Refused(#[source] Box<Refusal>),
    /// Nobody answers, or only with transient problems, and waiting longer was not worth it.
    #[error("the service cannot be reached: {0}")]
    Unreachable(String),
    /// The answer is not what this interface promises.
    #[error("the answer is not understood: {0}")]
    Answer(&'static str),
    /// The enclave's attestation does not verify.
    #[error("the enclave is not trusted: {0}")]
    Attestation(#[source] sharekeep_channel::Error),
    /// The enclave is genuine, but no release that this device accepts names its image.
    #[error(
        "the enclave is not trusted: no release that this device accepts names its image (PCR0 {}, \
         PCR1 {}, PCR2 {}). If who runs the service announced a new one, get its signed release and run \
         `sharekeep release add FILE`", .0.pcr0, .0.pcr1, .0.pcr2
    )]
    UnknownImage(Box<sharekeep_channel::attestation::PcrSet>),
    /// A release is not accepted, or the keys for releases are none.
    #[error("the release is not accepted: {0}")]
    Release(#[from] sharekeep_release::Error),
    /// The enclave attests, but as another deployment than the one this device knows.
    #[error("the enclave is not trusted: {0}")]
    Pinned(&'static str),
    /// A receipt does not verify, or shows an older state than one seen before.
    #[error("the enclave's receipt is not accepted: {0}")]
    Receipt(#[source] sharekeep_channel::Error),
    /// A receipt speaks of something else than what was asked.
    #[error("the enclave's receipt is not accepted: it speaks of another {0}")]
    ReceiptFor(&'static str),
    /// A sealed answer does not open: it was not made by the attested enclave.
    #[error("the sealed answer does not open: {0}")]
    Sealed(#[source] sharekeep_channel::Error),
    /// A key of this device cannot do what was asked.
    #[error("a key of this device failed: {0}")]
    Key(#[source] sharekeep_channel::Error),
    /// Nobody is signed in on this device, or the session is over.
    #[error("not signed in: {0}")]
    NotSignedIn(&'static str),
    /// The passphrase does not open the key file.
    #[error("the passphrase does not open {}", .0.display())]
    WrongPassphrase(PathBuf),
    /// There is no such place, or it was not set up.
    #[error("{} is not set up: run `sharekeep init`", .0.display())]
    NotSetUp(PathBuf),
    /// It was set up before; nothing was overwritten.
    #[error("{} is set up already", .0.display())]
    SetUpAlready(PathBuf),
    /// Another process works with this state.
    #[error("another sharekeep is using {}", .0.display())]
    InUse(PathBuf),
    /// Another process changed the settings after this one had read them; nothing was done.
    #[error("the settings in {} were changed meanwhile: run the command again", .0.display())]
    SettingsChanged(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what this program wrote.
    #[error("{} is damaged or belongs elsewhere", .0.display())]
    Damaged(PathBuf),
    /// The releases kept here are another deployment's: an update of the settings was interrupted.
    #[error(
        "{} is another deployment's, since an update of the settings was interrupted: run \
         `sharekeep init --update` again", .0.display()
    )]
    OtherReleases(PathBuf),
    /// The releases kept here are gone or not what this program wrote, and with them the least version
    /// that this device accepts.
    #[error(
        "{} is missing or damaged: get the latest release from who runs the service and run \
         `sharekeep init --update` with it; of what was withdrawn, this device then knows only what \
         that release says", .0.display()
    )]
    LostReleases(PathBuf),
    /// No wallet has this id or name.
    #[error("this device holds no wallet {0:?}")]
    NoWallet(String),
    /// More than one wallet has this name.
    #[error("more than one wallet is called {0:?}: use its id")]
    AmbiguousWallet(String),
    /// The wallet is not in a state that allows this.
    #[error("the wallet is {status}: {hint}")]
    WalletStatus {
        /// Where it stands on this device.
        status: sharekeep_schemas::WalletStatus,
        /// What to do about it.
        hint: &'static str,
    },
    /// What is to be signed cannot be.
    #[error("this message cannot be signed: {0}")]
    Message(#[source] sharekeep_messages::MessageError),
    /// The protocol with the enclave went wrong.
    #[error("the ceremony failed: {0}")]
    Fault(#[source] sharekeep_mpc::Fault),
    /// The enclave says something else than what this device computed itself.
    #[error("the enclave does not agree about the {0}")]
    Disagreement(&'static str),
    /// Recovery is not set up, or this device does not know of it.
    #[error("{0}")]
    NoRecovery(&'static str),
    /// Something of recovery is not as it must be: a statement, a backup, a factor.
    #[error("{0}")]
    Recovery(#[from] sharekeep_recovery::Error),
    /// The passcode is wrong, or the factor does not exist (the two look the same on purpose).
    #[error("the passcode is wrong; {guesses_left} guesses are left before it is destroyed")]
    WrongPasscode {
        /// How many guesses are left.
        guesses_left: u32,
        /// When the next one is taken, in seconds since 1970.
        next_guess_unix_s: u64,
    },
    /// The stored backup is not the one that this device stored.
    #[error("the stored backup is not to be trusted: {0}")]
    Backup(&'static str),
    /// The stored backup of one of several wallets is not what it must be.
    #[error("the stored backup of {wallet} is not to be trusted: {why}")]
    BackupOf {
        /// Whose backup.
        wallet: sharekeep_schemas::WalletId,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An export file, cloud file or bundle is not one, or belongs to somebody else.
    #[error("{} {why}", .path.display())]
    RecoveryFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The identity provider gave no token.
    #[error("the identity provider gave no token: {0}")]
    Token(String),
    /// The user said no.
    #[error("declined")]
    Declined,
}

/// What sort of failure an [`Error`] is; each has an exit code of its own in the command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Wrong use.
    Usage,
    /// Refused by the service.
    Refused,
    /// The enclave or what it says is not to be trusted.
    Trust,
    /// Nobody answers.
    Unavailable,
    /// State on this device.
    LocalState,
    /// A protocol went wrong, or somebody cheats.
    Protocol,
    /// Nobody is signed in.
    NotSignedIn,
    /// The user said no.
    Declined,
    /// A factor's secret is wrong: passcode, recovery code or file.
    Factor,
    /// Recovery is not set up.
    NoRecovery,
}

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Usage(_) | Self::Message(_) | Self::NoWallet(_) | Self::AmbiguousWallet(_) => {
                ErrorKind::Usage
            }
            Self::Refused(refusal) if refusal.ends_session() => ErrorKind::NotSignedIn,
            Self::Refused(refusal) if refusal.retryable() => ErrorKind::Unavailable,
            Self::Refused(_) | Self::Token(_) => ErrorKind::Refused,
            Self::Unreachable(_) | Self::Answer(_) => ErrorKind::Unavailable,
            Self::Release(sharekeep_release::Error::Text(_))
            | Self::Release(sharekeep_release::Error::TooLarge(_)) => ErrorKind::Usage,
            Self::Attestation(_)
            | Self::UnknownImage(_)
            | Self::Release(_)
            | Self::Pinned(_)
            | Self::Receipt(_)
            | Self::ReceiptFor(_)
            | Self::Sealed(_) => ErrorKind::Trust,
            Self::NotSignedIn(_) => ErrorKind::NotSignedIn,
            Self::WrongPassphrase(_)
            | Self::NotSetUp(_)
            | Self::SetUpAlready(_)
            | Self::InUse(_)
            | Self::SettingsChanged(_)
            | Self::File { .. }
            | Self::Damaged(_)
            | Self::OtherReleases(_)
            | Self::LostReleases(_)
            | Self::Key(_)
            | Self::WalletStatus { .. } => ErrorKind::LocalState,
            Self::Fault(_) | Self::Disagreement(_) => ErrorKind::Protocol,
            Self::Declined => ErrorKind::Declined,
            Self::NoRecovery(_) => ErrorKind::NoRecovery,
            Self::WrongPasscode { .. } => ErrorKind::Factor,
            Self::RecoveryFile { .. } => ErrorKind::Usage,
            Self::Backup(_) | Self::BackupOf { .. } => ErrorKind::Trust,
            Self::Recovery(error) => recovery_kind(error),
        }
    }

    /// Whether it concerns the session or the service as a whole, and not what was asked for: the
    /// same is to be expected of the next request.
    pub fn is_general(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotSignedIn | ErrorKind::Unavailable)
    }

    /// The service's problem code, if it was the service that refused.
    pub fn code(&self) -> Option<sharekeep_schemas::ProblemCode> {
        match self {
            Self::Refused(refusal) => refusal.code(),
            _ => None,
        }
    }

    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

fn recovery_kind(error: &sharekeep_recovery::Error) -> ErrorKind {
    use sharekeep_recovery::Error as Why;
    match error {
        Why::Unlocking | Why::PasscodeWrong => ErrorKind::Factor,
        Why::SetRule(_)
        | Why::PasscodeEmpty
        | Why::PasscodeTooLong
        | Why::CodeLength { .. }
        | Why::CodeGroup { .. }
        | Why::BackupTooLarge => ErrorKind::Usage,
        // Whatever else is wrong came from the service.
        _ => ErrorKind::Trust,
    }
}
