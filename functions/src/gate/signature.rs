use super::{Incoming, nonce, rate, tenant};
use crate::error::{Error, Result};
use crate::state::State;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use sharekeep_channel::Error as ChannelError;
use sharekeep_channel::signature::{
    Freshness, SessionPublicKey, SignatureHeaders, Verified, peek_key_id, verify,
};
use sharekeep_schemas::enclave::{Row, SessionRow, StoredRecord};
use sharekeep_schemas::limits::{MAX_CLOCK_SKEW_S, MAX_SIGNATURE_AGE_S};
use sharekeep_schemas::{
    ProblemCode, SessionKeyAlgorithm, SessionKeyId, SessionPublicKey as Key, TenantId,
};
use std::time::Duration;

/// What the parts of a signature's refusal are called outside.
pub(super) fn refusal(error: &ChannelError) -> Error {
    Error::refused(match error {
        ChannelError::SignatureMissing => ProblemCode::SignatureMissing,
        ChannelError::SignatureStale | ChannelError::SignatureNotYetValid => {
            ProblemCode::SignatureStale
        }
        _ => ProblemCode::SignatureInvalid,
    })
}

/// Checks a request against the session its signature names: known, not over, signed by its key,
/// fresh, for a host of the tenant's, not a repeat, within the user's rate. Returns the session with
/// its record, which the enclave will want.
pub(super) async fn of_session(
    state: &State,
    incoming: &Incoming,
    headers: &SignatureHeaders,
) -> Result<(SessionRow, StoredRecord)> {
    let id = peek_key_id(headers).map_err(|error| refusal(&error))?;
    let id = SessionKeyId::new(*id.as_bytes());
    let (session, record) = session(state, id).await?;
    let verified = verified(state, &session.public_key, incoming, headers)?;
    let terms = tenant::terms_for(state, &session.tenant, &incoming.authority).await?;
    nonce::use_up(state, &id, &verified).await?;
    let bucket = rate::Bucket::of_user(&session.user, terms.requests_per_minute);
    bucket.take(state, &incoming.rate).await?;
    Ok((session, record))
}

/// Checks a request that opens a session, signed by the key in its body. Nothing is known of the
/// caller, so the rates come before anything is stored.
pub(super) async fn of_new_session(
    state: &State,
    incoming: &Incoming,
    headers: &SignatureHeaders,
    key: &Key,
    tenant: &TenantId,
) -> Result<SessionKeyId> {
    let verified = verified(state, key, incoming, headers)?;
    if let Some(address) = incoming.address {
        rate::Bucket::take_of_address(address, state, &incoming.rate).await?;
    }
    tenant::terms_for(state, tenant, &incoming.authority).await?;
    rate::Bucket::of_openings(tenant, state).require(state, &incoming.rate).await?;
    let id = SessionKeyId::new(*verified.key_id.as_bytes());
    nonce::use_up(state, &id, &verified).await?;
    Ok(id)
}

async fn session(state: &State, id: SessionKeyId) -> Result<(SessionRow, StoredRecord)> {
    let now = state.clock.now_unix_s();
    match state.store.session(id).await? {
        // Also after TTL's time: the caller is told the same until the row is really gone.
        Some((Row::Session(session), _)) if session.expires_at_unix_s <= now => {
            Err(Error::refused(ProblemCode::SessionExpired))
        }
        Some((Row::Session(session), record)) => Ok((session, record)),
        Some(_) => Err(Error::StoreBroken("a session without its row".into())),
        None => Err(Error::refused(ProblemCode::SessionUnknown)),
    }
}

fn verified(
    state: &State,
    key: &Key,
    incoming: &Incoming,
    headers: &SignatureHeaders,
) -> Result<Verified> {
    let key = parsed(key)?;
    let freshness = Freshness {
        max_skew: Duration::from_secs(MAX_CLOCK_SKEW_S),
        max_age: Duration::from_secs(MAX_SIGNATURE_AGE_S),
    };
    verify(&key, &incoming.signed_parts(), headers, state.clock.now_unix_s(), &freshness)
        .map_err(|error| refusal(&error))
}

fn parsed(key: &Key) -> Result<SessionPublicKey> {
    let name = match key.algorithm {
        SessionKeyAlgorithm::EcdsaP256Sha256 => "p256",
        SessionKeyAlgorithm::Ed25519 => "ed25519",
    };
    format!("{name}:{}", B64.encode(&key.key))
        .parse()
        .map_err(|_| Error::refused_with(ProblemCode::MalformedRequest, "not a session key"))
}
