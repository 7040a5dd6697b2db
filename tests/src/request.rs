//! An HTTP request that can be bent before it is sent.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rand_core::OsRng;
use serde::de::DeserializeOwned;
use sharekeep_channel::signature::{Nonce, RequestParts, SessionSigningKey, sign};
use sharekeep_schemas::http::headers;
use sharekeep_schemas::{Problem, ProblemCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long signatures made here are good for.
pub const SIGNATURE_LIFETIME: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Request {
    pub method: &'static str,
    /// What the signature says; the connection goes to the stack all the same.
    pub authority: String,
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    pub fn get(authority: &str, path: &str) -> Self {
        Self::new("GET", authority, path, Vec::new())
    }

    pub fn post(authority: &str, path: &str, body: Vec<u8>) -> Self {
        let mut request = Self::new("POST", authority, path, body);
        request.set("content-type", "application/json");
        request
    }

    fn new(method: &'static str, authority: &str, path: &str, body: Vec<u8>) -> Self {
        let authority = authority.to_owned();
        Self { method, authority, path: path.to_owned(), query: None, headers: Vec::new(), body }
    }

    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.unset(name);
        self.headers.push((name, value.into()));
    }

    pub fn unset(&mut self, name: &'static str) {
        self.headers.retain(|(held, _)| *held != name);
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| *held == name).map(|(_, value)| value.as_str())
    }

    /// Signs it freshly, replacing an earlier signature.
    pub fn sign(&mut self, key: &SessionSigningKey) {
        self.sign_at(key, now_unix_s());
    }

    /// Signs it as if at another time.
    pub fn sign_at(&mut self, key: &SessionSigningKey, created_unix_s: u64) {
        let parts = RequestParts {
            method: self.method,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            body: &self.body,
        };
        let nonce = Nonce::generate(&mut OsRng);
        let signed = sign(key, &parts, created_unix_s, SIGNATURE_LIFETIME, &nonce).unwrap();
        for name in [headers::SIGNATURE_INPUT, headers::SIGNATURE, headers::CONTENT_DIGEST] {
            self.unset(name);
        }
        self.headers.extend(signed.iter().map(|(name, value)| (name, value.to_owned())));
    }

    /// Sends it to a stack's `host:port`.
    pub async fn send(&self, to: &str) -> Answer {
        let query = self.query.as_ref().map(|q| format!("?{q}")).unwrap_or_default();
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(format!("http://{to}{}{query}", self.path))
            .header("host", &self.authority);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(self.body.clone()))).unwrap();
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}

impl Answer {
    /// The problem's code; everything that is not a well-formed problem fails the test.
    #[track_caller]
    pub fn problem(&self) -> ProblemCode {
        assert_eq!(
            self.headers.get("content-type").map(http::HeaderValue::as_bytes),
            Some(&b"application/problem+json"[..]),
            "{}: {}",
            self.status,
            String::from_utf8_lossy(&self.body),
        );
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(problem.code.status(), self.status);
        assert_eq!(problem.retryable, problem.code.retryable());
        assert!(!problem.request_id.is_empty());
        problem.code
    }

    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        assert!(self.status < 300, "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
