use super::{
    KeyId, Nonce, RequestParts, SessionPublicKey, SignatureHeaders, base, component, components,
    headers, input,
};
use crate::{Error, Result};
use sfv::BareItem;
use std::time::Duration;

/// How old a signature may be.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// How far the signer's clock may differ from ours.
    pub max_skew: Duration,
    /// Longest time from `created` to `expires`, so also how long nonces must be remembered.
    pub max_age: Duration,
}

impl Default for Freshness {
    /// 60 s of skew, 300 s of life.
    fn default() -> Self {
        Self { max_skew: Duration::from_secs(60), max_age: Duration::from_secs(300) }
    }
}

/// What a verified signature says. The caller refuses a repeated key id and nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The key that signed.
    pub key_id: KeyId,
    /// To be remembered until the signature has expired, skew included.
    pub nonce: Nonce,
    /// When the signer says it signed.
    pub created_unix_s: u64,
    /// When the signature ends.
    pub expires_unix_s: u64,
}

/// The key id that a request names. Nothing is verified: use it only to look the key up.
///
/// # Errors
/// [`Error::SignatureMalformed`].
pub fn peek_key_id(headers: &SignatureHeaders) -> Result<KeyId> {
    input::parse(&headers.signature_input).map(|(_, params)| params.key_id)
}

/// Checks that `headers` are `key`'s fresh signature of exactly this request.
///
/// # Errors
/// [`Error::SignatureMalformed`], [`Error::SignatureKeyMismatch`], [`Error::SignatureStale`],
/// [`Error::SignatureNotYetValid`], [`Error::SignatureCoverage`],
/// [`Error::ContentDigestMismatch`], [`Error::SignatureInvalid`].
pub fn verify(
    key: &SessionPublicKey,
    parts: &RequestParts<'_>,
    headers: &SignatureHeaders,
    now_unix_s: u64,
    freshness: &Freshness,
) -> Result<Verified> {
    let (input, params) = input::parse(&headers.signature_input)?;
    if params.key_id != key.key_id() || params.algorithm != key.algorithm() {
        return Err(Error::SignatureKeyMismatch);
    }

    let (skew, max_age) = (freshness.max_skew.as_secs(), freshness.max_age.as_secs());
    let (created, expires) = (params.created_unix_s, params.expires_unix_s);
    if created > now_unix_s.saturating_add(skew) {
        return Err(Error::SignatureNotYetValid);
    }
    // Without a bound on its life, a captured signature would outlive every memory of nonces.
    if expires < created || expires - created > max_age || now_unix_s > expires.saturating_add(skew)
    {
        return Err(Error::SignatureStale);
    }

    let covered = input.items.iter().map(|item| match &item.bare_item {
        BareItem::String(name) => name.as_str(),
        _ => "",
    });
    if !covered.eq(components(parts)) || headers.content_digest.is_some() == parts.body.is_empty() {
        return Err(Error::SignatureCoverage);
    }
    if let Some(digest) = &headers.content_digest
        && *digest != headers::content_digest(parts.body)
    {
        return Err(Error::ContentDigestMismatch);
    }

    let base = base::signature_base(&input, |name| component(parts, name))?;
    if !key.verify_bytes(base.as_bytes(), &headers.signature_bytes()?) {
        return Err(Error::SignatureInvalid);
    }
    Ok(Verified {
        key_id: params.key_id,
        nonce: params.nonce,
        created_unix_s: created,
        expires_unix_s: expires,
    })
}
