use super::ClientAddress;
use crate::error::{Error, Result};
use crate::gate::RateSlot;
use crate::observe::TraceParent;
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_bytes::ByteBuf;
use sharekeep_channel::signature::{RequestParts, SignatureHeaders};
use sharekeep_schemas::enclave::HttpRequest;
use sharekeep_schemas::http::headers::IDEMPOTENCY_KEY;
use sharekeep_schemas::limits::MAX_HTTP_BODY_BYTES;
use sharekeep_schemas::{IdempotencyKey, ProblemCode};

/// A request as it came, within limits, before anything in it is believed.
pub(crate) struct Incoming {
    pub(crate) method: Method,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) address: Option<ClientAddress>,
    pub(crate) rate: RateSlot,
    pub(crate) traceparent: Option<TraceParent>,
    headers: HeaderMap,
}

impl Incoming {
    /// Reads the body, up to the limit.
    pub(crate) async fn read(request: Request) -> Result<Self> {
        const TOO_LARGE: Error = Error::refused(ProblemCode::TooLarge);
        let (parts, body) = request.into_parts();
        // An honest Content-Length spares us reading what will be refused.
        let announced = parts
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > MAX_HTTP_BODY_BYTES as u64) {
            return Err(TOO_LARGE);
        }
        let body = Limited::new(body, MAX_HTTP_BODY_BYTES).collect().await.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                TOO_LARGE
            } else {
                Error::refused(ProblemCode::MalformedRequest)
            }
        })?;
        Ok(Self {
            authority: authority(&parts.uri, &parts.headers)?,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            body: body.to_bytes(),
            address: ClientAddress::of(&parts.extensions),
            rate: parts.extensions.get::<RateSlot>().cloned().unwrap_or_default(),
            traceparent: parts.extensions.get::<TraceParent>().cloned(),
            method: parts.method,
            headers: parts.headers,
        })
    }

    /// The signature headers; each at most once.
    pub(crate) fn signature_headers(&self) -> Result<SignatureHeaders> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        SignatureHeaders::collect(headers).map_err(|error| super::signature::refusal(&error))
    }

    /// What a signature covers.
    pub(crate) fn signed_parts(&self) -> RequestParts<'_> {
        RequestParts {
            method: self.method.as_str(),
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            body: &self.body,
        }
    }

    /// The `Idempotency-Key`, exactly one.
    pub(crate) fn idempotency_key(&self) -> Result<IdempotencyKey> {
        let mut values = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let value = values.next().ok_or(Error::refused(ProblemCode::IdempotencyKeyMissing))?;
        if values.next().is_some() {
            return Err(Error::refused_with(
                ProblemCode::MalformedRequest,
                "more than one Idempotency-Key",
            ));
        }
        value.to_str().ok().and_then(|text| text.parse().ok()).ok_or(Error::refused_with(
            ProblemCode::MalformedRequest,
            "an Idempotency-Key has 16 to 64 of A-Z a-z 0-9 - _",
        ))
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether the body says that it is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(
            |value| {
                let kind = value.split(';').next().unwrap_or_default().trim();
                kind.eq_ignore_ascii_case("application/json")
            },
        )
    }

    /// The form in which the enclave gets it.
    pub(crate) fn for_enclave(
        &self,
        signature: Option<&SignatureHeaders>,
        idempotency_key: Option<IdempotencyKey>,
    ) -> HttpRequest {
        HttpRequest {
            method: self.method.as_str().to_owned(),
            authority: self.authority.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            signature_input: signature.map(|headers| headers.signature_input.clone()),
            signature: signature.map(|headers| headers.signature.clone()),
            content_digest: signature.and_then(|headers| headers.content_digest.clone()),
            idempotency_key,
            body: ByteBuf::from(self.body.to_vec()),
        }
    }
}

/// The host the caller speaks to, by the request itself: `X-Forwarded-Host` and its kin are not
/// read. What it may be is in the tenant document.
fn authority(uri: &Uri, headers: &HeaderMap) -> Result<String> {
    const MALFORMED: Error =
        Error::refused_with(ProblemCode::MalformedRequest, "the request names no single host");
    if let Some(authority) = uri.authority() {
        return Ok(authority.as_str().to_ascii_lowercase());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map(str::to_ascii_lowercase).map_err(|_| MALFORMED),
        _ => Err(MALFORMED),
    }
}
