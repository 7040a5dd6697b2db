use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

/// What the KMS says no with: the exceptions of the KMS API reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    AccessDenied(&'static str),
    IncorrectKey,
    InvalidCiphertext,
    InvalidState,
    Internal,
    NotFound,
    Serialization,
    Throttled,
    Validation(&'static str),
}

impl Refusal {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::AccessDenied(why) => (bad, "AccessDeniedException", why),
            Self::IncorrectKey => {
                (bad, "IncorrectKeyException", "The key ID does not identify the key used.")
            }
            // Tells no cause, as AWS: wrong context and changed blob look the same.
            Self::InvalidCiphertext => (bad, "InvalidCiphertextException", ""),
            Self::InvalidState => (bad, "KMSInvalidStateException", "The key is disabled."),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "KMSInternalException", "Internal failure.")
            }
            Self::NotFound => (bad, "NotFoundException", "No such key."),
            Self::Serialization => (bad, "SerializationException", "The body can't be read."),
            Self::Throttled => (bad, "ThrottlingException", "Rate exceeded."),
            Self::Validation(why) => (bad, "ValidationException", why),
        }
    }
}

pub(super) fn respond(result: Result<Value, Refusal>) -> Response {
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err(refusal) => {
            let (status, kind, message) = refusal.parts();
            (status, json!({ "__type": kind, "message": message }))
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
