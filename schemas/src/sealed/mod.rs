//! What travels inside the encapsulation between client and enclave: CBOR, versioned, unknown
//! fields refused in requests and tolerated in answers. The path (bound by the encapsulation's
//! AAD and by the HTTP signature) says which request it is.
//!
//! | request | to | answer |
//! |---|---|---|
//! | [`OpenSession`] | `POST /v1/sessions` | [`SessionOpened`] |
//! | [`Plain`] | `POST /v1/sessions/{id}/renew` | [`SessionRenewed`] |
//! | [`Plain`] | `POST /v1/sessions/{id}/revoke` | [`SessionRevoked`] |
//! | [`CreateWallet`] | `POST /v1/wallets` | [`CeremonyAnswer`] |
//! | [`ActivateWallet`] | `POST /v1/wallets/{id}/activate` | [`WalletChanged`] |
//! | [`Plain`] | `POST /v1/wallets/{id}/archive` | [`WalletChanged`] |
//! | [`PutBackup`] | `POST /v1/wallets/{id}/backup` | [`BackupStored`] |
//! | [`Plain`] | `POST /v1/wallets/{id}/backup/open` | [`BackupOpened`] |
//! | [`Plain`] | `POST /v1/wallets/{id}/backup/delete` | [`BackupDeleted`] |
//! | [`Plain`] | `POST /v1/recovery/open` | [`RecoveryOpened`] |
//! | [`ChangeFactors`] | `POST /v1/recovery/factors` | [`FactorsChanged`] |
//! | [`RegisterPasscode`] | `POST /v1/factors/{id}/register` | [`PasscodeRegistered`] |
//! | [`StartGuess`] | `POST /v1/factors/{id}/guess` | [`GuessStarted`] |
//! | [`FinishGuess`] | `POST /v1/factors/{id}/guess/finish` | [`GuessFinished`] |
//! | [`NameDevice`] | `POST /v1/devices/{id}/name` | [`DeviceChanged`] |
//! | [`Plain`] | `POST /v1/devices/{id}/revoke` | [`DeviceChanged`] |
//! | [`Restore`] | `POST /v1/restore` | [`Restored`] |
//! | [`StartCeremony`] | `POST /v1/ceremonies` | [`CeremonyAnswer`] |
//! | [`StepCeremony`] | `POST /v1/ceremonies/{id}/steps` | [`CeremonyAnswer`] |
//! | [`Plain`] | `POST /v1/ceremonies/{id}/abort` | [`CeremonyAborted`] |

mod backup;
mod ceremony;
mod device;
mod recovery;
mod session;
mod wallet;

pub use backup::{
    ActivateWallet, BackupDeleted, BackupOpened, BackupStored, PutBackup, SealedBackup,
};
pub use ceremony::{
    CeremonyAborted, CeremonyAnswer, CeremonyResult, CreateWallet, StartCeremony, StartKind,
    StepCeremony,
};
pub use device::{
    DeviceChanged, NameDevice, PreparedHalf, Restore, Restored, RestoredStatus, RestoredWallet,
};
pub use recovery::{
    ChangeFactors, FactorWrap, FactorsChanged, FinishGuess, GuessFinished, GuessStarted, OpenWrap,
    PasscodeRegistered, RecoveryOpened, RegisterPasscode, StartGuess,
};
pub use session::{DEVICE_PROOF_LABEL, OpenSession, SessionOpened, SessionRenewed, SessionRevoked};
pub use wallet::WalletChanged;

use serde::{Deserialize, Serialize};

/// The version of every payload here.
pub const VERSION: u8 = 1;

/// A request that says nothing beyond its path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// [`VERSION`].
    pub version: u8,
}

impl Default for Plain {
    fn default() -> Self {
        Self { version: VERSION }
    }
}
