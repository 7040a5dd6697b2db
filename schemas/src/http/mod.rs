//! JSON bodies of the HTTPS interface (`/v1`). Everything secret travels inside [`SealedRequest`].

mod answers;
mod bytes;

pub use answers::{
    AttestationAnswer, BackupView, CeremonyView, DeviceView, EventView, FactorView, Health, Page,
    Readiness, ReadinessCheck, ReleasesAnswer, SessionView, WalletView,
};
pub use bytes::{Base64Url, base64url_or_bytes};

use crate::ids::{EnclaveKeyId, TenantId};
use crate::words::SessionPublicKey;
use serde::{Deserialize, Serialize};

/// Names of the headers that are ours to set or to read.
pub mod headers {
    /// RFC 9421 `Signature-Input`.
    pub const SIGNATURE_INPUT: &str = "signature-input";
    /// RFC 9421 `Signature`.
    pub const SIGNATURE: &str = "signature";
    /// RFC 9530 `Content-Digest`.
    pub const CONTENT_DIGEST: &str = "content-digest";
    /// A client-chosen key that makes a POST safe to repeat.
    pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
    /// Our id of a request, also in every problem.
    pub const REQUEST_ID: &str = "x-request-id";
}

/// The body of every POST but the opening of a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SealedRequest {
    /// Which enclave key the body is sealed to; the function routes by it.
    pub enclave_key: EnclaveKeyId,
    /// The encapsulated request.
    pub sealed: Base64Url,
}

/// The body of `POST /v1/sessions`. The token is inside `sealed`: functions never see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenSessionRequest {
    /// The app whose user signs in.
    pub tenant: TenantId,
    /// The key that signs this request and those to come.
    pub session_key: SessionPublicKey,
    /// Which enclave key the body is sealed to.
    pub enclave_key: EnclaveKeyId,
    /// The encapsulated request.
    pub sealed: Base64Url,
}

/// The answer to every sealed POST.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SealedAnswer {
    /// The encapsulated answer; only the client that made the request can open it.
    pub sealed: Base64Url,
}
