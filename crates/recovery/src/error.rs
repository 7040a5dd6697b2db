use crate::factor_set::BrokenRule;
use thiserror::Error;

/// Everything that can go wrong in this crate.
///
/// What an attacker could learn from is merged: a box that does not open says nothing of why.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A public key is not a point or is of small order.
    #[error("public key is malformed")]
    PublicKeyMalformed,
    /// Stored bytes of a secret of this crate don't have the shape it writes.
    #[error("secret bytes are malformed")]
    SecretMalformed,

    /// A backup is larger than any honest one.
    #[error("backup is too large")]
    BackupTooLarge,
    /// A backup does not open: tampered with, of another place or time, or sealed to another seed.
    #[error("backup does not open")]
    BackupOpening,
    /// An opened backup does not hold what a backup holds.
    #[error("content of the backup is malformed")]
    BackupMalformed,

    /// A factor unlocks nothing here: another factor's secret, or a changed box.
    #[error("the factor does not unlock the seed")]
    Unlocking,

    /// A factor set is not in its one encoding, or over a limit.
    #[error("factor set is malformed")]
    SetMalformed,
    /// A factor set breaks a rule.
    #[error("factor set breaks a rule: {0}")]
    SetRule(#[from] BrokenRule),
    /// A factor set of another tenant or user.
    #[error("factor set is for another user")]
    SetForAnother,
    /// A factor set is not signed by the recovery key it names.
    #[error("signature of the factor set is invalid")]
    SetSignature,
    /// A factor set's recovery key does not follow from the one that is trusted.
    #[error("recovery key does not follow from the known one")]
    SetUnrelated,
    /// A factor set is older than the one known.
    #[error("factor set is older than the one known")]
    SetRolledBack,
    /// A factor set has the known one's number but another content.
    #[error("factor set contradicts the one known")]
    SetForked,

    /// A device was not let in by the recovery key.
    #[error("signature of the unlocked recovery key is invalid")]
    DeviceUnlock,

    /// A passcode without a character.
    #[error("passcode is empty")]
    PasscodeEmpty,
    /// A passcode longer than the limit.
    #[error("passcode is too long")]
    PasscodeTooLong,
    /// Costs of key stretching that are below the floor or above the ceiling.
    #[error("parameters of key stretching are outside the accepted range")]
    Stretching,
    /// A passcode message has the wrong length or is no group element.
    #[error("passcode message is malformed")]
    PasscodeMessage,
    /// The passcode is wrong, or the other end is not the one it was registered with. Which one
    /// can't be told apart.
    #[error("passcode is wrong")]
    PasscodeWrong,

    /// A recovery code has too few or too many characters.
    #[error("a recovery code has {expected} characters, not {actual}")]
    CodeLength {
        /// Characters a code has, separators not counted.
        expected: usize,
        /// Characters given.
        actual: usize,
    },
    /// A group of a recovery code has a character that no code has, or does not fit its check
    /// character.
    #[error("group {group} of the recovery code is wrong")]
    CodeGroup {
        /// Which group, counted from 1.
        group: usize,
    },
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
