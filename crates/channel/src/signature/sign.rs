use super::input::{self, Params};
use super::{
    Nonce, RequestParts, SessionSigningKey, SignatureHeaders, base, component, components, headers,
};
use crate::{Error, Result};
use std::time::Duration;

/// Signs a request; the result goes on it as three headers.
///
/// # Errors
/// [`Error::SignatureMalformed`] if a part can't stand in a header (a line break, a time beyond
/// what structured fields hold).
pub fn sign(
    key: &SessionSigningKey,
    parts: &RequestParts<'_>,
    created_unix_s: u64,
    ttl: Duration,
    nonce: &Nonce,
) -> Result<SignatureHeaders> {
    let public = key.public_key();
    let params = Params {
        created_unix_s,
        expires_unix_s: created_unix_s
            .checked_add(ttl.as_secs())
            .ok_or(Error::SignatureMalformed)?,
        nonce: *nonce,
        key_id: public.key_id(),
        algorithm: public.algorithm(),
    };
    let input = params.to_input(&components(parts))?;
    let base = base::signature_base(&input, |name| component(parts, name))?;
    Ok(SignatureHeaders {
        signature_input: input::header(&input),
        signature: headers::signature_value(&key.sign_bytes(base.as_bytes())),
        content_digest: (!parts.body.is_empty()).then(|| headers::content_digest(parts.body)),
    })
}
