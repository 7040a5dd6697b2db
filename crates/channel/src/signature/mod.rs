//! HTTP message signatures with a session key: a strict profile of RFC 9421, with the content
//! digest of RFC 9530.
//!
//! Covered, in this order: `@method`, `@authority`, `@path`, `@query` if there is a query,
//! `content-digest` if there is a body. Parameters: `created`, `expires`, `nonce`, `keyid`, `alg`
//! and `tag="sharekeep-v1"`, all of them, in any order. One signature, labelled `sig1`; the digest
//! is SHA-256. A signature that covers less, or more, is refused: what a verifier must rely on is
//! never up to the signer.
//!
//! Verifying says nothing about replay: the caller refuses a repeated ([`KeyId`], [`Nonce`]) until
//! [`Verified::expires_unix_s`] plus the allowed skew.

mod base;
mod headers;
mod input;
mod key;
mod possession;
mod sign;
mod thumbprint;
mod verify;

pub use headers::SignatureHeaders;
pub use key::{SessionAlgorithm, SessionPublicKey, SessionSigningKey};
pub use possession::SessionProof;
pub use sign::sign;
pub use thumbprint::KeyId;
pub use verify::{Freshness, Verified, peek_key_id, verify};

use crate::newtype::public_bytes;
use rand_core::CryptoRngCore;

/// The label of the one signature (RFC 9421 section 4).
const LABEL: &str = "sig1";
/// The application's tag (RFC 9421 section 2.3): a signature for another service is no good here.
const TAG: &str = "sharekeep-v1";
/// Both algorithms' signatures have this length.
const SIGNATURE_BYTES: usize = 64;

public_bytes! {
    /// Makes each signature of a session different, so that a repeat is a replay. Text is base64url.
    Nonce, 16, base64url
}

impl Nonce {
    /// Draws a nonce.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut bytes = [0; Self::LENGTH];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

/// The parts of a request that a signature covers.
#[derive(Clone, Copy)]
pub struct RequestParts<'a> {
    /// HTTP method in upper case.
    pub method: &'a str,
    /// Host and, unless it is the scheme's default, port. A verifier takes it from the tenant's
    /// signed origins, never from the Host header. Compared in lower case.
    pub authority: &'a str,
    /// Absolute path as sent; empty means `/`.
    pub path: &'a str,
    /// Query without the question mark.
    pub query: Option<&'a str>,
    /// The body as sent; empty means none.
    pub body: &'a [u8],
}

/// The components a signature must cover, in order.
fn components(parts: &RequestParts<'_>) -> Vec<&'static str> {
    let mut names = vec!["@method", "@authority", "@path"];
    if parts.query.is_some() {
        names.push("@query");
    }
    if !parts.body.is_empty() {
        names.push("content-digest");
    }
    names
}

fn component(parts: &RequestParts<'_>, name: &str) -> Option<String> {
    match name {
        "@method" => Some(parts.method.to_owned()),
        "@authority" => Some(parts.authority.to_ascii_lowercase()),
        "@path" => Some(if parts.path.is_empty() { "/" } else { parts.path }.to_owned()),
        "@query" => parts.query.map(|query| format!("?{query}")),
        "content-digest" if !parts.body.is_empty() => Some(headers::content_digest(parts.body)),
        _ => None,
    }
}
