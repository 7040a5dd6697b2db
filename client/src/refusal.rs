//! A problem document (RFC 9457) as received. It comes from the functions, which are not trusted:
//! nothing is changed or erased on its word, and its text is cleaned before anybody prints it.

use serde::Deserialize;
use sharekeep_schemas::ProblemCode;
use std::{fmt, time::Duration};

/// Longest text taken over from a problem, in characters.
const MAX_TEXT_CHARS: usize = 400;

/// Why the service refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    status: u16,
    code: String,
    title: String,
    detail: Option<String>,
    request_id: String,
    retryable: bool,
    retry_after: Option<Duration>,
}

/// What is read of a problem; a later service may say more.
#[derive(Deserialize)]
struct Wire {
    code: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    retryable: bool,
}

impl Refusal {
    /// Reads a problem document. `None` if it is not one.
    pub(crate) fn read(status: u16, body: &[u8], retry_after: Option<Duration>) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(body).ok()?;
        Some(Self {
            status,
            code: printable(&wire.code),
            title: printable(&wire.title),
            detail: wire.detail.as_deref().map(printable),
            request_id: printable(&wire.request_id),
            retryable: wire.retryable,
            retry_after,
        })
    }

    /// The stable code, if this version knows it.
    pub fn code(&self) -> Option<ProblemCode> {
        ProblemCode::ALL.iter().copied().find(|code| code.as_str() == self.code)
    }

    /// The code as the service wrote it.
    pub fn code_text(&self) -> &str {
        &self.code
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What a user can do about it.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The service's id of the request, for support.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Whether the same request may succeed later. Known codes say so themselves.
    pub fn retryable(&self) -> bool {
        self.code().map_or(self.retryable, ProblemCode::retryable)
    }

    /// How long the service asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether only a new sign-in helps.
    pub fn ends_session(&self) -> bool {
        matches!(self.code(), Some(ProblemCode::SessionUnknown | ProblemCode::SessionExpired))
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.code().map_or(self.title.as_str(), |code| code.title());
        write!(f, "{title}")?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        write!(f, " [{}]", self.code)
    }
}

/// Removes what could drive a terminal or hide text (escape sequences, bidirectional overrides).
pub(crate) fn printable(text: &str) -> String {
    let bidirectional = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .take(MAX_TEXT_CHARS)
        .map(|c| if c.is_control() || bidirectional(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> Option<Refusal> {
        Refusal::read(409, json.as_bytes(), None)
    }

    #[test]
    fn a_known_code_decides_about_retries_not_the_body() {
        let refusal = problem(r#"{"code":"ceremony_forked","retryable":true}"#).unwrap();
        assert!(!refusal.retryable());
    }

    #[test]
    fn an_unknown_code_is_taken_at_its_word() {
        let refusal = problem(r#"{"code":"brand_new","retryable":true}"#).unwrap();
        assert_eq!(refusal.code(), None);
        assert!(refusal.retryable());
    }

    #[test]
    fn a_problem_cannot_drive_the_terminal() {
        let refusal = problem(r#"{"code":"x","detail":"\u001b[2Jwiped \u202egnp"}"#).unwrap();
        assert!(!refusal.to_string().contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn what_is_no_problem_document_is_none() {
        assert!(problem("<html>502</html>").is_none());
        assert!(problem("{}").is_none());
    }
}
