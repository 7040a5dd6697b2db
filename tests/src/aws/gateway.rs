//! Stands for API Gateway's HTTP API in front of the functions.

use super::event::{event, response};
use super::routes::Routes;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Largest request of an HTTP API.
const MAX_BODY_BYTES: usize = 10 << 20;
/// Largest event, and largest answer, of a Lambda function that is waited for.
const MAX_PAYLOAD_BYTES: usize = 6 << 20;
/// Largest request line and headers of an HTTP API together.
const MAX_HEAD_BYTES: usize = 10_240;
/// As the template has it.
const PATIENCE: Duration = Duration::from_secs(29);

struct Gateway {
    routes: Routes,
    lambda: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    requests: AtomicU64,
}

/// Hands each request to its function by Lambda's own interface at `lambda`.
pub(super) fn gateway(lambda: SocketAddr) -> Router {
    let gateway = Gateway {
        routes: Routes::of_the_template(),
        lambda,
        client: Client::builder(TokioExecutor::new()).build_http(),
        requests: AtomicU64::new(0),
    };
    Router::new().fallback(answer).with_state(Arc::new(gateway))
}

async fn answer(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    gateway.answer(caller, request).await.unwrap_or_else(|status| {
        // In AWS's words.
        let message = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
            other => other.canonical_reason().unwrap_or_default(),
        };
        let body = serde_json::json!({ "message": message }).to_string();
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    })
}

impl Gateway {
    async fn answer(&self, caller: SocketAddr, request: Request) -> Result<Response, StatusCode> {
        let (head, body) = request.into_parts();
        if size(&head.headers) + head.uri.to_string().len() > MAX_HEAD_BYTES {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        let found = self.routes.find(head.method.as_str(), head.uri.path());
        let found = found.ok_or(StatusCode::NOT_FOUND)?;
        let body = to_bytes(body, MAX_BODY_BYTES).await;
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        let id = format!("emulated-{}", self.requests.fetch_add(1, Ordering::Relaxed));
        let event = event(&head, &body, &found, caller.ip(), &id).to_string();
        if event.len() > MAX_PAYLOAD_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let answer = tokio::time::timeout(PATIENCE, self.invoke(found.function, event)).await;
        let answer = answer.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let answer = answer.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        let response = response(&answer).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(response.map(Body::new))
    }

    /// Lambda's Invoke. A function that failed has no answer.
    async fn invoke(&self, function: &str, event: String) -> Option<Bytes> {
        let lambda = self.lambda;
        let request = http::Request::post(format!(
            "http://{lambda}/2015-03-31/functions/{function}/invocations"
        ));
        let request = request.body(Full::new(Bytes::from(event))).unwrap();
        let answer = self.client.request(request).await.ok()?;
        let failed = answer.headers().contains_key("x-amz-function-error");
        if answer.status() != StatusCode::OK || failed {
            return None;
        }
        let body = Limited::new(answer.into_body(), MAX_PAYLOAD_BYTES).collect().await.ok()?;
        Some(body.to_bytes())
    }
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request as Sent;

    /// A gateway in front of functions that answer with what they were given.
    async fn in_front_of_echo() -> String {
        let echo = |body: String| async move {
            let answer = serde_json::json!({ "statusCode": 200, "body": body });
            axum::Json(answer)
        };
        let lambda = serve(Router::new().fallback(echo)).await;
        serve(gateway(lambda)).await.to_string()
    }

    async fn serve(router: Router) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    #[tokio::test]
    async fn a_function_gets_the_event_and_its_answer_is_the_response() {
        let to = in_front_of_echo().await;
        let answer = Sent::post(&to, "/v1/wallets", b"{}".to_vec()).send(&to).await;
        let event: serde_json::Value = answer.json();
        assert_eq!(event["routeKey"], "POST /v1/wallets");
        assert_eq!(event["body"], "{}");
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    }

    #[tokio::test]
    async fn what_is_too_large_or_has_no_route_reaches_no_function() {
        let to = in_front_of_echo().await;
        let status = async |request: Sent| request.send(&to).await.status;
        assert_eq!(status(Sent::get(&to, "/v1/nothing")).await, 404);
        let post = |bytes| Sent::post(&to, "/v1/wallets", vec![b'a'; bytes]);
        assert_eq!(status(post(MAX_BODY_BYTES + 1)).await, 413);
        assert_eq!(status(post(MAX_PAYLOAD_BYTES)).await, 413);
        let mut long = Sent::get(&to, "/v1/wallets");
        long.set("x-long", "a".repeat(MAX_HEAD_BYTES));
        assert_eq!(status(long).await, 431);
    }

    #[tokio::test]
    async fn a_function_that_fails_or_answers_nonsense_is_a_500() {
        for answer in [(500, "{}"), (200, "{}")] {
            let (status, body) = answer;
            let failing = move || async move { (StatusCode::from_u16(status).unwrap(), body) };
            let lambda = serve(Router::new().fallback(failing)).await;
            let to = serve(gateway(lambda)).await.to_string();
            assert_eq!(Sent::get(&to, "/v1/wallets").send(&to).await.status, 500);
        }
    }
}
