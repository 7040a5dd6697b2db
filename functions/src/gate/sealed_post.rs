use super::{Bucket, EntityTag, Incoming, RateSlot, signature};
use crate::author::Author;
use crate::error::{Error, Result};
use crate::observe::TraceParent;
use crate::state::State;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sharekeep_channel::signature::SignatureHeaders;
use sharekeep_schemas::enclave::{HttpRequest, StoredRecord};
use sharekeep_schemas::http::{Base64Url, OpenSessionRequest, SealedRequest};
use sharekeep_schemas::limits::MAX_SEALED_BYTES;
use sharekeep_schemas::{
    DeviceId, EnclaveKeyId, IdempotencyKey, ProblemCode, SessionKeyId, TenantId, UserId,
};

/// A POST that passed the gate and goes to the enclave.
pub(crate) struct Sealed {
    /// Whose signature it carries; also whose idempotency keys.
    pub(crate) session: SessionKeyId,
    pub(crate) tenant: TenantId,
    /// None while the session is being opened: only the enclave can say who that will be.
    pub(crate) user: Option<UserId>,
    /// The device it was opened on; none while the session is being opened.
    pub(crate) device: Option<DeviceId>,
    /// The session's record; none while there is no session.
    pub(crate) session_record: Option<StoredRecord>,
    pub(crate) enclave_key: EnclaveKeyId,
    pub(crate) idempotency_key: IdempotencyKey,
    /// Tells an exact retry from another request under the same key.
    pub(crate) fingerprint: [u8; 32],
    pub(crate) http: HttpRequest,
    pub(crate) traceparent: Option<TraceParent>,
    rate: RateSlot,
}

impl Sealed {
    /// Whose request this is.
    pub(crate) fn user(&self) -> Result<UserId> {
        self.user.ok_or(Error::Internal("a session without its user"))
    }

    /// On whose behalf the enclave is asked.
    pub(crate) fn author(&self) -> Author {
        let (tenant, session) = (self.tenant.clone(), self.session);
        match self.user {
            Some(user) => Author::Session { tenant, session, user },
            None => Author::Opening { tenant, session },
        }
    }

    /// Takes a token of one more bucket: for requests that cost more than others.
    pub(crate) async fn take(&self, state: &State, bucket: &Bucket) -> Result<()> {
        bucket.take(state, &self.rate).await
    }
}

/// A sealed POST of a session.
pub(crate) struct SealedPost(pub(crate) Sealed);

/// A sealed POST of a session that replaces what has this tag.
pub(crate) struct ConditionalPost(pub(crate) Sealed, pub(crate) EntityTag);

/// The sealed POST that opens a session.
pub(crate) struct OpenSessionPost(pub(crate) Sealed);

impl FromRequest<State> for SealedPost {
    type Rejection = Error;

    async fn from_request(request: Request, state: &State) -> Result<Self> {
        let incoming = Incoming::read(request).await?;
        of_session(state, &incoming).await.map(Self)
    }
}

impl FromRequest<State> for ConditionalPost {
    type Rejection = Error;

    async fn from_request(request: Request, state: &State) -> Result<Self> {
        let incoming = Incoming::read(request).await?;
        let mut post = of_session(state, &incoming).await?;
        let tag = incoming.if_match()?;
        post.fingerprint = conditional(&post.fingerprint, tag);
        Ok(Self(post, tag))
    }
}

impl FromRequest<State> for OpenSessionPost {
    type Rejection = Error;

    async fn from_request(request: Request, state: &State) -> Result<Self> {
        let incoming = Incoming::read(request).await?;
        let headers = incoming.signature_headers()?;
        let body: OpenSessionRequest = body(&incoming)?;
        check_size(&body.sealed)?;
        let idempotency_key = incoming.idempotency_key()?;
        let session =
            signature::of_new_session(state, &incoming, &headers, &body.session_key, &body.tenant)
                .await?;
        Ok(Self(sealed(
            &incoming,
            &headers,
            idempotency_key,
            Caller { session, tenant: body.tenant, user: None, device: None, record: None },
            body.enclave_key,
            &body.sealed,
        )))
    }
}

async fn of_session(state: &State, incoming: &Incoming) -> Result<Sealed> {
    let headers = incoming.signature_headers()?;
    let (session, record) = signature::of_session(state, incoming, &headers).await?;
    let idempotency_key = incoming.idempotency_key()?;
    let body: SealedRequest = body(incoming)?;
    check_size(&body.sealed)?;
    Ok(sealed(
        incoming,
        &headers,
        idempotency_key,
        Caller {
            session: session.session,
            tenant: session.tenant,
            user: Some(session.user),
            device: Some(session.device),
            record: Some(record),
        },
        body.enclave_key,
        &body.sealed,
    ))
}

struct Caller {
    session: SessionKeyId,
    tenant: TenantId,
    user: Option<UserId>,
    device: Option<DeviceId>,
    record: Option<StoredRecord>,
}

fn sealed(
    incoming: &Incoming,
    headers: &SignatureHeaders,
    idempotency_key: IdempotencyKey,
    caller: Caller,
    enclave_key: EnclaveKeyId,
    sealed: &Base64Url,
) -> Sealed {
    Sealed {
        session: caller.session,
        tenant: caller.tenant,
        user: caller.user,
        device: caller.device,
        session_record: caller.record,
        enclave_key,
        fingerprint: fingerprint(incoming.method.as_str(), &incoming.path, &sealed.0),
        http: incoming.for_enclave(Some(headers), Some(idempotency_key.clone())),
        idempotency_key,
        traceparent: incoming.traceparent.clone(),
        rate: incoming.rate.clone(),
    }
}

fn body<T: DeserializeOwned>(incoming: &Incoming) -> Result<T> {
    if !incoming.is_json() {
        return Err(Error::refused_with(
            ProblemCode::MalformedRequest,
            "the body must be application/json",
        ));
    }
    // The parser's own message would quote the body.
    serde_json::from_slice(&incoming.body).map_err(|_| {
        Error::refused_with(
            ProblemCode::MalformedRequest,
            "the body does not have the right fields",
        )
    })
}

fn check_size(sealed: &Base64Url) -> Result<()> {
    if sealed.0.len() > MAX_SEALED_BYTES {
        return Err(Error::refused(ProblemCode::TooLarge));
    }
    Ok(())
}

/// A hash of the method, the path and the sealed bytes. The encapsulation binds the first two as
/// well; here they keep one key from fetching another route's stored answer.
fn fingerprint(method: &str, path: &str, sealed: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), sealed] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The fingerprint of a conditional request: with another condition it is another request, and is
/// not answered with the stored answer of this one.
fn conditional(fingerprint: &[u8; 32], tag: EntityTag) -> [u8; 32] {
    Sha256::new().chain_update(fingerprint).chain_update(tag.0.to_be_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_tells_methods_paths_and_bodies_apart() {
        let one = fingerprint("POST", "/v1/wallets", b"x");
        assert_eq!(one, fingerprint("POST", "/v1/wallets", b"x"));
        assert_ne!(one, fingerprint("POST", "/v1/wallet", b"sx"));
        assert_ne!(one, fingerprint("POST", "/v1/wallets", b"y"));
        assert_ne!(conditional(&one, EntityTag(1)), conditional(&one, EntityTag(2)));
        assert_ne!(conditional(&one, EntityTag(1)), one);
    }
}
