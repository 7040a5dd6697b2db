//! Verifies the token that says who the user is (RFC 7519, RFC 8725).
//!
//! What may be accepted comes from the tenant document alone: never from the token. The algorithm
//! must be one the issuer's entry names, and the key must be of that algorithm's type, so a public
//! key never becomes an HMAC secret and `none` is no algorithm.

mod claims;
#[cfg(fuzzing)]
pub mod fuzzed;
mod jwk;

pub(super) use jwk::KeySet;

use super::Request;
use super::issuer_keys::{IssuerKeyQuery, Reason};
use super::stop::{Refusal, Stop};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use claims::{Claims, Header};
use jsonwebtoken::Algorithm;
use sharekeep_schemas::tenant::{Issuer, IssuerKeys, TenantDocument};
use sharekeep_schemas::{ProblemCode, SessionKeyId, TokenBinding, limits};
use std::sync::Arc;

/// Longest time a token may be valid, in seconds: its mark must be remembered that long.
const MAX_TOKEN_LIFETIME_S: u64 = 86_400;

/// What a verified token says.
pub(super) struct Identity<'t> {
    /// The part of the token that was signed. Who holds a token can write its signature in other
    /// ways (ECDSA: s and n − s), but not this part: it is what the token is known by.
    pub(super) signed: &'t str,
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) expires_at_unix_s: u64,
    /// The tenant leaves tokens unbound: whoever holds one can open a session.
    pub(super) unbound: bool,
}

impl Request<'_> {
    /// Verifies a token for a session key. Asks for the issuer's keys where they are not at hand.
    pub(super) fn verify_token<'t>(
        &self,
        token: &'t str,
        tenant: &TenantDocument,
        session: &SessionKeyId,
    ) -> Result<Identity<'t>, Stop> {
        if token.len() > limits::MAX_TOKEN_BYTES {
            return Err(ProblemCode::TokenTooLarge.into());
        }
        let parts = Parts::split(token)?;
        let algorithm = allowed_algorithm(&parts.header.alg)?;
        let issuer = tenant
            .issuers
            .iter()
            .find(|issuer| issuer.issuer == parts.claims.iss)
            .ok_or(ProblemCode::TokenIssuer)?;
        if !issuer.algorithms.contains(&parts.header.alg) {
            return Err(ProblemCode::TokenAlgorithm.into());
        }
        let kid = parts.header.kid.as_deref();
        let set = self.key_set(issuer, Reason::Token)?;
        let key = match set.find(kid, algorithm) {
            // A key that is not there may have been published since.
            Err(ProblemCode::TokenKeyUnknown)
                if matches!(issuer.keys, IssuerKeys::Fetched { .. }) =>
            {
                self.key_set(issuer, Reason::UnknownKey)?.find(kid, algorithm)?
            }
            found => found?,
        };
        if !key.verify(parts.signed.as_bytes(), &parts.signature) {
            return Err(ProblemCode::TokenSignature.into());
        }
        parts.claims.check_times(self.now)?;
        if !parts.claims.aud.iter().any(|audience| issuer.audiences.contains(audience)) {
            return Err(ProblemCode::TokenAudience.into());
        }
        parts.claims.check_subject()?;
        check_binding(issuer.binding, &parts.claims, session)?;
        Ok(Identity {
            signed: parts.signed,
            issuer: parts.claims.iss,
            subject: parts.claims.sub,
            expires_at_unix_s: parts.claims.exp,
            unbound: issuer.binding == TokenBinding::None,
        })
    }

    fn key_set(&self, issuer: &Issuer, reason: Reason) -> Result<Arc<KeySet>, Stop> {
        match &issuer.keys {
            IssuerKeys::Pinned { jwks_json } => KeySet::parse(jwks_json.as_bytes())
                .map(Arc::new)
                .ok_or_else(|| Refusal::from(ProblemCode::TokenKeyUnknown).into()),
            IssuerKeys::Fetched { jwks_uri, authorities_pem } => {
                let query = IssuerKeyQuery {
                    uri: jwks_uri.clone(),
                    authorities_pem: authorities_pem.clone(),
                };
                self.core.issuer_keys(&query, reason, self.now)
            }
        }
    }
}

struct Parts<'a> {
    header: Header,
    claims: Claims,
    /// The part that was signed.
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, ProblemCode> {
        let malformed = ProblemCode::TokenMalformed;
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed);
        let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| malformed)?;
        // Before anything else: an algorithm that is refused anyway must say so, whatever follows.
        allowed_algorithm(&header.alg)?;
        if header.crit.is_some() {
            return Err(malformed);
        }
        let claims: Claims = serde_json::from_slice(&bytes(claims)?).map_err(|_| malformed)?;
        Ok(Self { header, claims, signed, signature: bytes(signature)? })
    }
}

/// The algorithms that any tenant may name.
fn allowed_algorithm(name: &str) -> Result<Algorithm, ProblemCode> {
    match name {
        "RS256" => Ok(Algorithm::RS256),
        "PS256" => Ok(Algorithm::PS256),
        "ES256" => Ok(Algorithm::ES256),
        "ES384" => Ok(Algorithm::ES384),
        "EdDSA" => Ok(Algorithm::EdDSA),
        _ => Err(ProblemCode::TokenAlgorithm),
    }
}

fn check_binding(
    binding: TokenBinding,
    claims: &Claims,
    session: &SessionKeyId,
) -> Result<(), ProblemCode> {
    let expected = session.to_string();
    let bound = match binding {
        TokenBinding::Nonce => claims.nonce.as_deref() == Some(&expected),
        TokenBinding::ConfirmationKey => {
            claims.cnf.as_ref().and_then(|cnf| cnf.jkt.as_deref()) == Some(&expected)
        }
        TokenBinding::None => true,
    };
    if bound { Ok(()) } else { Err(ProblemCode::TokenBinding) }
}
