//! The one place where errors become answers: `application/problem+json` (RFC 9457).
//!
//! A handler's [`Error`] turns into a bare response that carries a [`Refusal`]; [`rendered`], run
//! on every response, writes the body, because only there the request's id is known. Whatever
//! error the framework itself produced (an unknown route, a wrong method) gets the same form.

use crate::error::Error;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use sharekeep_schemas::{Problem, ProblemCode};
use std::borrow::Cow;

/// When a busy or failing part does not say when to try again, in seconds.
const DEFAULT_RETRY_AFTER_S: u32 = 1;

/// What a caller gets to know about an error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: ProblemCode,
    pub(crate) detail: Option<Cow<'static, str>>,
    pub(crate) retry_after_s: Option<u32>,
}

/// Marks an error status whose body is meant as it is (`/readyz`).
#[derive(Clone, Copy)]
pub(crate) struct NotAProblem;

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        let (code, detail, retry_after_s) = match error {
            Error::Refused { code, detail, retry_after_s } => {
                (*code, detail.clone(), *retry_after_s)
            }
            Error::Conflict => (ProblemCode::Conflict, None, None),
            Error::StoreUnavailable(_) => {
                (ProblemCode::StoreUnavailable, None, Some(DEFAULT_RETRY_AFTER_S))
            }
            Error::EnclaveUnavailable(_) => {
                (ProblemCode::EnclaveUnavailable, None, Some(DEFAULT_RETRY_AFTER_S))
            }
            Error::EnclaveOverloaded { retry_after_s } => {
                (ProblemCode::Overloaded, None, Some(*retry_after_s))
            }
            // What is broken is for the operator's log, not for the caller.
            Error::StoreBroken(_)
            | Error::EnclaveBroken(_)
            | Error::Setting(_)
            | Error::Internal(_) => (ProblemCode::Internal, None, None),
        };
        Self { code, detail, retry_after_s }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let refusal = Refusal::from(&self);
        match &self {
            Error::Refused { .. } | Error::Conflict | Error::EnclaveOverloaded { .. } => {}
            // The texts of these variants are ours or error codes: never contents.
            fault => tracing::error!(code = refusal.code.as_str(), %fault, "request failed"),
        }
        refusal.into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status_of(self.code);
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives an error response its body. Headers that other layers set stay.
pub(crate) fn rendered(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error())
        || response.extensions().get::<NotAProblem>().is_some()
    {
        return response;
    }
    let refusal = response.extensions_mut().remove::<Refusal>().unwrap_or_else(|| Refusal {
        code: code_of(status),
        detail: None,
        retry_after_s: None,
    });
    *response.status_mut() = status_of(refusal.code);
    let code = refusal.code;
    let detail = refusal.detail.map(Cow::into_owned);
    let problem = Problem::new(code, detail, request_id.to_owned());
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = refusal.retry_after_s {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response.extensions_mut().insert(code);
    *response.body_mut() = Body::from(body);
    response
}

fn status_of(code: ProblemCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The code for an error that the framework answered by itself.
fn code_of(status: StatusCode) -> ProblemCode {
    match status {
        StatusCode::NOT_FOUND => ProblemCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::URI_TOO_LONG
        | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => ProblemCode::TooLarge,
        status if status.is_client_error() => ProblemCode::MalformedRequest,
        _ => ProblemCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_inside_is_not_told_outside() {
        for error in [
            Error::StoreBroken("table x".into()),
            Error::EnclaveBroken("why"),
            Error::Internal("why"),
        ] {
            let refusal = Refusal::from(&error);
            assert_eq!(refusal.code, ProblemCode::Internal);
            assert_eq!(refusal.detail, None);
        }
    }

    #[test]
    fn an_error_of_the_framework_becomes_a_problem_and_keeps_its_other_headers() {
        let mut response = Response::new(Body::from("plain text"));
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        let response = rendered(response, "r-1");
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::ALLOW], "GET");
    }
}
