use super::Base64Url;
use crate::ids::{CeremonyId, DeviceId, EnclaveKeyId, EventId, FactorId, SessionKeyId, WalletId};
use crate::words::{
    CeremonyKind, CeremonyState, EventKind, FactorKind, Protocol, Scheme, Scope, WalletStatus,
};
use serde::{Deserialize, Serialize};

/// The answer to `GET /v1/attestation?nonce=…`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttestationAnswer {
    /// The id of the key in the document.
    pub enclave_key: EnclaveKeyId,
    /// The NSM's document (COSE_Sign1): the nonce, the enclave's encapsulation key, and the hash
    /// of its trust configuration with its statement key.
    pub document: Base64Url,
}

/// The answer to `GET /v1/releases`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleasesAnswer {
    /// The texts of signed releases. The signatures in them decide, not who hands them over.
    pub releases: Vec<String>,
}

/// A wallet as the store's routing columns show it. Clients believe only sealed answers and what
/// they hold themselves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WalletView {
    /// The wallet's id.
    pub wallet_id: WalletId,
    /// What its signatures are.
    pub scheme: Scheme,
    /// How its parties sign. `dkls23` is not audited.
    pub protocol: Protocol,
    /// SEC1 compressed (33 bytes) or Ed25519 (32 bytes).
    pub public_key: Base64Url,
    /// How many parties sign.
    pub threshold: u16,
    /// How many parties there are.
    pub parties: u16,
    /// Generation of the shares.
    pub epoch: u64,
    /// Where it stands. `pending` wallets cannot sign.
    pub status: WalletStatus,
    /// When it was made, in seconds since 1970.
    pub created_at_unix_s: u64,
}

/// A session as the store's routing columns show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// The session key's id, which is the session's.
    pub session_id: SessionKeyId,
    /// The device it was opened on.
    pub device_id: DeviceId,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was opened, in seconds since 1970.
    pub created_at_unix_s: u64,
    /// When it ends unless renewed, in seconds since 1970.
    pub expires_at_unix_s: u64,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// A ceremony as the store's routing columns show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CeremonyView {
    /// The ceremony's id.
    pub ceremony_id: CeremonyId,
    /// What it is for.
    pub kind: CeremonyKind,
    /// Where it stands.
    pub state: CeremonyState,
    /// The wallet it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet_id: Option<WalletId>,
    /// When a running one is given up, in seconds since 1970.
    pub expires_at_unix_s: u64,
}

/// One page of a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The answer to `GET /healthz`: the process runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// The version of the functions.
    pub version: String,
}

/// The answer to `GET /readyz`: whether requests can be served. 503 when one check fails.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Readiness {
    /// Whether all checks passed.
    pub ready: bool,
    /// The checks: store, enclave, KMS, clock, PCRs.
    pub checks: Vec<ReadinessCheck>,
}

/// One readiness check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadinessCheck {
    /// What was checked.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What was found; never holds user data.
    pub detail: String,
}

/// A backup as the store's routing columns show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackupView {
    /// The wallet.
    pub wallet_id: WalletId,
    /// Generation of the shares.
    pub epoch: u64,
    /// Generation of the recovery key that it is sealed to.
    pub generation: u64,
    /// Its version; quoted, it is the ETag.
    pub version: u64,
    /// Its size in bytes, as the user sealed it.
    pub size: u64,
    /// When it was stored, in seconds since 1970.
    pub stored_at_unix_s: u64,
}

/// A factor as the store's routing columns show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FactorView {
    /// The factor.
    pub factor_id: FactorId,
    /// Its kind.
    pub kind: FactorKind,
    /// When it was added, in seconds since 1970.
    pub added_at_unix_s: u64,
}

/// A device as the store's routing columns show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceView {
    /// The device.
    pub device_id: DeviceId,
    /// What its user calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its identity key (Ed25519).
    pub identity_key: Base64Url,
    /// When it was registered, in seconds since 1970.
    pub registered_at_unix_s: u64,
    /// When it was revoked, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_unix_s: Option<u64>,
    /// Whether the session that asks is on it.
    pub current: bool,
}

/// Something that a user's devices should know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// The event; ids grow with time.
    pub event_id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// On which device.
    pub device_id: DeviceId,
    /// When, in seconds since 1970.
    pub at_unix_s: u64,
}
