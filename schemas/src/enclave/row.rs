use crate::ids::{CeremonyId, DeviceId, EnclaveKeyId, SessionKeyId, TenantId, UserId, WalletId};
use crate::words::{
    CeremonyKind, CeremonyState, Protocol, Scheme, Scope, SessionPublicKey, WalletStatus,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Routing copies of what a record says, for functions to list and find by. No decision reads
/// them: an attacker who edits one only misleads a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Row {
    /// Nothing to route by.
    Empty,
    /// A session.
    Session(SessionRow),
    /// A wallet.
    Wallet(WalletRow),
    /// A ceremony.
    Ceremony(CeremonyRow),
}

/// Routing copy of a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRow {
    /// The session's id.
    pub session: SessionKeyId,
    /// The tenant.
    pub tenant: TenantId,
    /// Whose.
    pub user: UserId,
    /// Opened on.
    pub device: DeviceId,
    /// For the cheap refusal of unsigned requests.
    pub public_key: SessionPublicKey,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Opened at, in seconds since 1970.
    pub created_at_unix_s: u64,
    /// Ends at, in seconds since 1970.
    pub expires_at_unix_s: u64,
}

/// Routing copy of a wallet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalletRow {
    /// The wallet.
    pub wallet: WalletId,
    /// What its signatures are.
    pub scheme: Scheme,
    /// How its parties sign.
    pub protocol: Protocol,
    /// The public key.
    pub public_key: ByteBuf,
    /// How many sign.
    pub threshold: u16,
    /// How many there are.
    pub parties: u16,
    /// Generation of the shares.
    pub epoch: u64,
    /// Where it stands.
    pub status: WalletStatus,
    /// Made at, in seconds since 1970.
    pub created_at_unix_s: u64,
}

/// Routing copy of a ceremony.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CeremonyRow {
    /// The ceremony.
    pub ceremony: CeremonyId,
    /// Whose.
    pub user: UserId,
    /// The enclave that runs it.
    pub enclave_key: EnclaveKeyId,
    /// What it is for.
    pub kind: CeremonyKind,
    /// Where it stands.
    pub state: CeremonyState,
    /// About which wallet.
    pub wallet: Option<WalletId>,
    /// Given up at, in seconds since 1970.
    pub expires_at_unix_s: u64,
}
