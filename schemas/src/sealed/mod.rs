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
//! | [`Plain`] | `POST /v1/wallets/{id}/activate` | [`WalletChanged`] |
//! | [`Plain`] | `POST /v1/wallets/{id}/archive` | [`WalletChanged`] |
//! | [`StartCeremony`] | `POST /v1/ceremonies` | [`CeremonyAnswer`] |
//! | [`StepCeremony`] | `POST /v1/ceremonies/{id}/steps` | [`CeremonyAnswer`] |
//! | [`Plain`] | `POST /v1/ceremonies/{id}/abort` | [`CeremonyAborted`] |

mod ceremony;
mod session;
mod wallet;

pub use ceremony::{
    CeremonyAborted, CeremonyAnswer, CeremonyResult, CreateWallet, StartCeremony, StartKind,
    StepCeremony,
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
