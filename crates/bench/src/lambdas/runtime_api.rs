//! What a function sees of AWS: Lambda's runtime interface (version 2018-06-01), and a DynamoDB that has
//! no rows, both on one port of 127.0.0.1.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// A function that has not asked or answered by then is stuck.
const LONGEST: Duration = Duration::from_secs(20);
const INVOCATION: &str = "/2018-06-01/runtime/invocation";

/// A server for one process of a function.
pub(crate) struct RuntimeApi {
    address: String,
    requests: mpsc::UnboundedSender<Value>,
    seen: mpsc::UnboundedReceiver<Seen>,
    server: tokio::task::JoinHandle<()>,
}

/// What the function did.
enum Seen {
    Asked(Instant),
    Answered(Instant, u16),
    Failed(String),
}

struct Shared {
    requests: Mutex<mpsc::UnboundedReceiver<Value>>,
    seen: mpsc::UnboundedSender<Seen>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self> {
        let (requests, taken) = mpsc::unbounded_channel();
        let (tell, seen) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { requests: Mutex::new(taken), seen: tell });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let router = Router::new()
            .route(&format!("{INVOCATION}/next"), get(next))
            .route(&format!("{INVOCATION}/{{id}}/response"), post(response))
            .route(&format!("{INVOCATION}/{{id}}/error"), post(failure))
            .route("/2018-06-01/runtime/init/error", post(failure))
            .route("/", post(no_rows))
            .with_state(shared);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, requests, seen, server })
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// When the function asked for a request.
    pub(crate) async fn asked(&mut self) -> Result<Instant> {
        match self.next_seen().await? {
            Seen::Asked(at) => Ok(at),
            Seen::Answered(..) => bail!("it answered what it was not asked"),
            Seen::Failed(text) => bail!("it failed: {text}"),
        }
    }

    /// Has the function answer a request: when, and with what status.
    pub(crate) async fn call(&mut self, request: Value) -> Result<(Instant, u16)> {
        self.requests.send(request).context("the server is gone")?;
        match self.next_seen().await? {
            Seen::Answered(at, status) => Ok((at, status)),
            Seen::Asked(_) => bail!("it asked again and had not answered"),
            Seen::Failed(text) => bail!("it failed: {text}"),
        }
    }

    async fn next_seen(&mut self) -> Result<Seen> {
        let seen = tokio::time::timeout(LONGEST, self.seen.recv()).await;
        seen.context("it is stuck, or ended at once")?.context("the server is gone")
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The event that API Gateway makes of a GET (payload format 2.0).
pub(crate) fn request(path: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("GET {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "host": "api.example" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "domainPrefix": "api",
            "http": {
                "method": "GET",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "198.51.100.7",
                "userAgent": "bench",
            },
            "requestId": "request",
            "routeKey": format!("GET {path}"),
            "stage": "$default",
            "time": "01/Jan/2027:00:00:00 +0000",
            "timeEpoch": 1_798_761_600_000_u64,
        },
        "isBase64Encoded": false,
    })
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let _ = shared.seen.send(Seen::Asked(Instant::now()));
    let Some(request) = shared.requests.lock().await.recv().await else {
        return axum::http::StatusCode::GONE.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", "request"),
        // Far away: nothing here is cut short.
        ("lambda-runtime-deadline-ms", "4102444800000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:f",
        ),
    ];
    (headers, Json(request)).into_response()
}

/// Functions do not say that what they send is JSON.
async fn response(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let status = answer["statusCode"].as_u64().and_then(|it| it.try_into().ok());
    let _ = shared.seen.send(Seen::Answered(Instant::now(), status.unwrap_or_default()));
    axum::http::StatusCode::ACCEPTED.into_response()
}

async fn failure(State(shared): State<Arc<Shared>>, text: String) -> Response {
    let _ = shared.seen.send(Seen::Failed(text));
    axum::http::StatusCode::ACCEPTED.into_response()
}

/// DynamoDB's answer to a question for what is not there.
async fn no_rows(headers: HeaderMap) -> Response {
    let asked = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let answer = if asked.ends_with(".Query") || asked.ends_with(".Scan") {
        json!({ "Items": [], "Count": 0, "ScannedCount": 0 })
    } else {
        json!({})
    };
    ([("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lambda_runtime does, over a plain connection.
    async fn ask(address: &str, head: &str, body: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let text = format!(
            "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_function_is_given_the_request_and_its_answer_is_seen() {
        let mut api = RuntimeApi::start().await.unwrap();
        let address = api.address().to_owned();
        let function = tokio::spawn(async move {
            let event = ask(&address, &format!("GET {INVOCATION}/next"), "").await;
            assert!(event.contains("lambda-runtime-aws-request-id: request"));
            assert!(event.contains("\"rawPath\":\"/healthz\""));
            ask(&address, &format!("POST {INVOCATION}/request/response"), r#"{"statusCode":200}"#)
                .await
        });
        api.asked().await.unwrap();
        let (_, status) = api.call(request("/healthz")).await.unwrap();
        assert_eq!(status, 200);
        assert!(function.await.unwrap().starts_with("HTTP/1.1 202"));
    }

    #[tokio::test]
    async fn a_function_that_cannot_start_is_not_waited_for() {
        let mut api = RuntimeApi::start().await.unwrap();
        let address = api.address().to_owned();
        let path = "POST /2018-06-01/runtime/init/error";
        let function =
            tokio::spawn(async move { ask(&address, path, r#"{"errorMessage":"no"}"#).await });
        assert!(api.asked().await.unwrap_err().to_string().contains("no"));
        function.await.unwrap();
    }
}
