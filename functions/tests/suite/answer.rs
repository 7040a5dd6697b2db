use http::{HeaderMap, StatusCode};
use sharekeep_schemas::{Problem, ProblemCode};

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Asserts that this is a well-formed problem with this code.
    #[track_caller]
    pub(crate) fn is_problem(&self, code: ProblemCode) -> Problem {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{text}");
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.code, code, "{text}");
        assert_eq!(self.status.as_u16(), code.status());
        assert_eq!(problem.status, code.status());
        assert_eq!(problem.retryable, code.retryable());
        assert_eq!(self.header("x-request-id"), Some(problem.request_id.as_str()));
        problem
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
