//! What surrounds every request: its id, caps on its head, security headers, and one log line.
//!
//! The log line is a [`Line`]: only types that cannot hold user data fit into it. Paths, addresses,
//! session and wallet ids, bodies and signatures are never logged; the route's template is.

use crate::error::Error;
use crate::gate::RateSlot;
use crate::problem;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use rand_core::RngCore;
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::headers::REQUEST_ID;
use std::time::Instant;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Most header fields of a request; browsers and proxies send about thirty.
const MAX_HEADERS: usize = 64;
/// Names and values of all header fields together, in bytes.
const MAX_HEADER_BYTES: usize = 16_384;
/// Path and query together, in bytes.
const MAX_TARGET_BYTES: usize = 2_048;

/// A request's id: the caller's where it is well-formed, otherwise random. Tells nothing by itself.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(String);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        match given {
            Some(id) if (8..=64).contains(&id.len()) && id.bytes().all(allowed) => {
                Self(id.to_owned())
            }
            _ => {
                let mut bytes = [0; 15];
                rand_core::OsRng.fill_bytes(&mut bytes);
                Self(B64.encode(bytes))
            }
        }
    }
}

/// A W3C `traceparent`, handed on to the enclave, which does not read it yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TraceParent(String);

impl TraceParent {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("traceparent")?.to_str().ok()?;
        let mut parts = text.split('-');
        let lengths = [2, 32, 16, 2].map(|length| (length, parts.next().unwrap_or_default()));
        let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let well_formed = parts.next().is_none()
            && lengths.iter().all(|(length, part)| part.len() == *length && hex(part));
        well_formed.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn trace_id(&self) -> &str {
        &self.0[3..35]
    }
}

/// Everything that is logged of a request.
struct Line<'l> {
    request_id: &'l RequestId,
    trace: Option<&'l TraceParent>,
    method: &'static str,
    route: Option<&'l MatchedPath>,
    status: u16,
    code: Option<ProblemCode>,
    elapsed_us: u64,
}

impl Line<'_> {
    fn write(&self) {
        tracing::info!(
            request_id = self.request_id.0,
            trace_id = self.trace.map(TraceParent::trace_id),
            method = self.method,
            route = self.route.map(MatchedPath::as_str),
            status = self.status,
            code = self.code.map(ProblemCode::as_str),
            elapsed_us = self.elapsed_us,
            "request"
        );
    }
}

/// Logs to standard output, one JSON object a line. Of libraries only warnings: at finer levels some
/// of them write out what they send.
pub fn log_as_json() {
    let levels =
        Targets::new().with_default(Level::WARN).with_target(env!("CARGO_CRATE_NAME"), Level::INFO);
    let lines = tracing_subscriber::fmt::layer().json().with_span_list(false);
    // A second call is a mistake without consequence: the first one's settings stay.
    let _ = tracing_subscriber::registry().with(lines).with(levels).try_init();
}

/// The outermost layer.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = RequestId::of(request.headers());
    let trace = TraceParent::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = method_name(request.method());
    let rate = RateSlot::default();
    request.extensions_mut().insert(rate.clone());
    if let Some(trace) = &trace {
        request.extensions_mut().insert(trace.clone());
    }
    let response = match check_head(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let mut response = problem::rendered(response, &request_id.0);
    set_headers(response.headers_mut(), &request_id, &rate, route.as_ref());
    Line {
        request_id: &request_id,
        trace: trace.as_ref(),
        method,
        route: route.as_ref(),
        status: response.status().as_u16(),
        code: response.extensions().get().copied(),
        elapsed_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    }
    .write();
    response
}

fn check_head(request: &Request) -> Result<(), Error> {
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES || target > MAX_TARGET_BYTES {
        return Err(Error::refused_with(ProblemCode::TooLarge, "the request's head is too large"));
    }
    Ok(())
}

fn set_headers(
    headers: &mut HeaderMap,
    request_id: &RequestId,
    rate: &RateSlot,
    route: Option<&MatchedPath>,
) {
    // Nothing here is for caches, frames or sniffers; only the page to try it runs scripts.
    let page = route.is_some_and(|route| route.as_str().starts_with("/docs"));
    let policy = if page {
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&request_id.0) {
        headers.insert(HeaderName::from_static(REQUEST_ID), id);
    }
    if let Some(rate) = rate.get() {
        headers.insert("ratelimit-limit", rate.limit.into());
        headers.insert("ratelimit-remaining", rate.remaining.into());
        headers.insert("ratelimit-reset", rate.reset_s.into());
    }
}

/// The methods we know; any other is the caller's own text.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn a_request_id_that_could_forge_a_log_line_is_replaced() {
        assert_eq!(RequestId::of(&headers(REQUEST_ID, "abc-DEF_123")).0, "abc-DEF_123");
        for bad in ["short", "has space and more", "quote\"quote\"", ""] {
            assert_ne!(RequestId::of(&headers(REQUEST_ID, bad)).0, bad);
        }
    }

    #[test]
    fn only_a_well_formed_traceparent_is_handed_on() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = TraceParent::of(&headers("traceparent", good)).unwrap();
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        for bad in [
            "",
            "00-xyz-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert_eq!(TraceParent::of(&headers("traceparent", bad)), None);
        }
    }
}
