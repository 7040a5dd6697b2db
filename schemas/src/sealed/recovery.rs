use super::backup::SealedBackup;
use crate::ids::FactorId;
use crate::words::FactorKind;
use serde::{Deserialize, Serialize};

/// Asks the enclave to take part in setting a passcode (RFC 9807 section 5): for factors of the
/// kinds `passcode` and `cloud-file`, before [`ChangeFactors`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterPasscode {
    /// [`super::VERSION`].
    pub version: u8,
    /// The OPAQUE registration request.
    #[serde(with = "serde_bytes")]
    pub request: Vec<u8>,
}

/// The enclave's part of a new passcode. It is kept, sealed, for some minutes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PasscodeRegistered {
    /// The OPAQUE registration response.
    #[serde(with = "serde_bytes")]
    pub response: Vec<u8>,
}

/// Sets the user's factors: the first ones, one more, or fewer. What the signed statement says is
/// what holds afterwards, in one transaction. Removing or replacing a factor changes the recovery
/// key, so that it comes with every backup and every wrap anew.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeFactors {
    /// [`super::VERSION`].
    pub version: u8,
    /// The signed list of factors (`sharekeep_recovery::SignedFactorSet`).
    #[serde(with = "serde_bytes")]
    pub statement: Vec<u8>,
    /// The recovery seed, sealed to each factor that is new or was sealed anew. A factor that
    /// appears in neither list keeps what it has.
    pub wraps: Vec<FactorWrap>,
    /// All backups, sealed to the new recovery key; empty where that stays.
    pub backups: Vec<SealedBackup>,
}

/// The recovery seed sealed to one factor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorWrap {
    /// The factor.
    pub factor: FactorId,
    /// The sealed seed; the statement has its hash.
    #[serde(with = "serde_bytes")]
    pub wrapped_seed: Vec<u8>,
    /// For a new passcode: the OPAQUE registration record that ends the registration.
    #[serde(with = "serde_bytes")]
    pub registration: Option<Vec<u8>>,
    /// For a new passcode: how many wrong guesses destroy it, 1 to 255. The service's default where
    /// it is left out.
    #[serde(default)]
    pub guess_limit: Option<u8>,
}

/// The factors were changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FactorsChanged {
    /// The generation of the recovery key that holds now.
    pub generation: u64,
    /// The statement's number.
    pub sequence: u64,
}

/// What a device needs to unlock the recovery seed or to seal to it: answer to
/// `POST /v1/recovery/open`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecoveryOpened {
    /// The signed list of factors: one, the newest. It carries the signatures by which a device that
    /// pins an older recovery key follows to this one. None if the store shows that recovery
    /// was never set up: said under seal, because a device sets it up then.
    pub statements: Vec<serde_bytes::ByteBuf>,
    /// The sealed seed of each factor that needs no passcode.
    pub wraps: Vec<OpenWrap>,
}

/// A sealed seed that is handed to whoever is signed in: what opens it is no passcode but a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpenWrap {
    /// The factor.
    pub factor: FactorId,
    /// Its kind.
    pub kind: FactorKind,
    /// The sealed seed.
    #[serde(with = "serde_bytes")]
    pub wrapped_seed: Vec<u8>,
}

/// One guess at a passcode (RFC 9807 KE1). It is charged whether it is right or not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartGuess {
    /// [`super::VERSION`].
    pub version: u8,
    /// KE1.
    #[serde(with = "serde_bytes")]
    pub ke1: Vec<u8>,
}

/// The enclave's answer to a guess, of one size whether there is such a factor or not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GuessStarted {
    /// KE2.
    #[serde(with = "serde_bytes")]
    pub ke2: Vec<u8>,
    /// How many guesses are left before the passcode is destroyed.
    pub guesses_left: u32,
    /// When the next guess will be taken, in seconds since 1970.
    pub next_guess_unix_s: u64,
}

/// Proves that the guess was right (KE3).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishGuess {
    /// [`super::VERSION`].
    pub version: u8,
    /// KE3.
    #[serde(with = "serde_bytes")]
    pub ke3: Vec<u8>,
}

/// The guess was right: the count starts again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GuessFinished {
    /// The seed, sealed to the factor.
    #[serde(with = "serde_bytes")]
    pub wrapped_seed: Vec<u8>,
}
