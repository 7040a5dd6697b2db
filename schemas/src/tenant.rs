//! Tenant documents: what an app's operator says about it, signed by the operator key that the
//! enclave image measures. Functions and store only carry them.

use crate::ids::TenantId;
use crate::words::TokenBinding;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Largest signed tenant document in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 65_536;
/// Domain-separates the operator's signature: it signs this label followed by the document.
pub const SIGNATURE_LABEL: &[u8] = b"sharekeep/tenant-document/v1\0";

/// A document with the operator's Ed25519 signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTenantDocument {
    /// CBOR of [`TenantDocument`], the bytes that were signed.
    pub document: ByteBuf,
    /// 64 bytes.
    pub signature: ByteBuf,
}

/// What holds for one tenant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantDocument {
    /// Format version: 1.
    pub version: u8,
    /// The tenant.
    pub tenant: TenantId,
    /// Raised by each change; an enclave refuses a lower one than it has seen.
    pub serial: u64,
    /// Who may say who the users are.
    pub issuers: Vec<Issuer>,
    /// Hosts (`host[:port]`) that requests may be signed for.
    pub origins: Vec<String>,
    /// Longest session life in seconds; at most the service's own limit.
    pub session_lifetime_s: u64,
    /// Requests a user may make a minute.
    pub requests_per_minute: u32,
}

/// One identity provider.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The exact `iss` claim.
    pub issuer: String,
    /// Accepted `aud` claims.
    pub audiences: Vec<String>,
    /// Accepted signature algorithms: `RS256`, `PS256`, `ES256`, `ES384`, `EdDSA`. Never `none`,
    /// never an HMAC.
    pub algorithms: Vec<String>,
    /// Where the keys are.
    pub keys: IssuerKeys,
    /// How tokens are bound to session keys.
    pub binding: TokenBinding,
}

/// Where an issuer's keys are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum IssuerKeys {
    /// A JWK set fetched over TLS that ends in the enclave.
    Fetched {
        /// `https://…`
        jwks_uri: String,
        /// Certificate authorities (PEM) to trust for it instead of the public ones.
        authorities_pem: Option<String>,
    },
    /// A JWK set (JSON) in the document itself.
    Pinned {
        /// The set.
        jwks_json: String,
    },
}
