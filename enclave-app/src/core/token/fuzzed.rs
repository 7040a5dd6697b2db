//! What the fuzz targets see of token verification.

use super::{KeySet, Parts, allowed_algorithm, check_binding};
use sharekeep_schemas::{ProblemCode, SessionKeyId, TokenBinding};

/// Takes a token through every check that needs no tenant document, with a JWK set as its issuer
/// publishes it. Returns whether the signature is one of the set's key.
///
/// # Errors
/// The first check that refuses.
pub fn verify(token: &str, jwks_json: &[u8], now_unix_s: u64) -> Result<bool, ProblemCode> {
    let parts = Parts::split(token)?;
    let algorithm = allowed_algorithm(&parts.header.alg)?;
    parts.claims.check_times(now_unix_s)?;
    parts.claims.check_subject()?;
    let session = SessionKeyId::new([0; 32]);
    for binding in TokenBinding::ALL {
        let bound = check_binding(binding, &parts.claims, &session);
        assert!(bound.is_ok() || binding != TokenBinding::None, "unbound tokens are allowed then");
    }
    let set = KeySet::parse(jwks_json).ok_or(ProblemCode::TokenKeyUnknown)?;
    let key = set.find(parts.header.kid.as_deref(), algorithm)?;
    Ok(key.verify(parts.signed.as_bytes(), &parts.signature))
}
