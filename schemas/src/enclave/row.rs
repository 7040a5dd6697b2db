use crate::ids::{
    CeremonyId, DeviceId, EnclaveKeyId, EventId, FactorId, SessionKeyId, TenantId, UserId, WalletId,
};
use crate::words::{
    CeremonyKind, CeremonyState, EventKind, FactorKind, Protocol, Scheme, Scope, SessionPublicKey,
    WalletStatus,
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
    /// A backup.
    Backup(BackupRow),
    /// A factor.
    Factor(FactorRow),
    /// A device.
    Device(DeviceRow),
    /// An event.
    Event(EventRow),
}

/// Routing copy of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRow {
    /// The wallet.
    pub wallet: WalletId,
    /// Generation of the shares.
    pub epoch: u64,
    /// Generation of the recovery key.
    pub generation: u64,
    /// Its version, which is also its ETag.
    pub version: u64,
    /// Its size in bytes, as the user sealed it.
    pub size: u64,
    /// Stored at, in seconds since 1970.
    pub stored_at_unix_s: u64,
}

/// Routing copy of a factor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorRow {
    /// The factor.
    pub factor: FactorId,
    /// Its kind.
    pub kind: FactorKind,
    /// Added at, in seconds since 1970.
    pub added_at_unix_s: u64,
}

/// Routing copy of a device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRow {
    /// The device.
    pub device: DeviceId,
    /// What its user calls it.
    pub name: Option<String>,
    /// Its identity key (Ed25519).
    pub identity_key: ByteBuf,
    /// Registered at, in seconds since 1970.
    pub registered_at_unix_s: u64,
    /// Revoked at, in seconds since 1970.
    pub revoked_at_unix_s: Option<u64>,
}

/// Routing copy of an event. It is all there is of an event: a help to users, never believed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRow {
    /// The event.
    pub event: EventId,
    /// What happened.
    pub kind: EventKind,
    /// From which device it was done.
    pub device: DeviceId,
    /// When, in seconds since 1970.
    pub at_unix_s: u64,
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
