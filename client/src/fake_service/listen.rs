//! HTTP in front of the service, where the script can spoil an exchange.

use super::{Instead, Seen, State};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use sharekeep_schemas::http::headers;
use sharekeep_schemas::{Problem, ProblemCode};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

pub(super) async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { answer(request, &state).await }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // An error is how a hang-up shows here.
            let _ = served.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: &Mutex<State>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let field = |name: &str| {
        head.headers.get(name).map_or(String::new(), |v| v.to_str().unwrap().to_owned())
    };
    let seen = Seen {
        method: head.method,
        path: head.uri.path().to_owned(),
        idempotency_key: field(headers::IDEMPOTENCY_KEY),
        signature_input: field(headers::SIGNATURE_INPUT),
        body,
    };
    let mut state = state.lock().unwrap();
    state.seen.push(seen.clone());
    let status = |status: u16, body: Vec<u8>| {
        let status = StatusCode::from_u16(status).unwrap();
        Response::builder().status(status).body(Full::from(body))
    };
    let instead = state.script.pop_front().unwrap_or(Instead::Nothing);
    Ok(match instead {
        Instead::Hangup => return Err(std::io::Error::other("hang up")),
        Instead::Gateway(code) => status(code, b"<html>".to_vec()),
        Instead::Body(body) => status(200, body),
        Instead::Problem(code, retry_after) => {
            let problem = Problem::new(code, None, "id".to_owned());
            let mut answer = Response::builder().status(code.status());
            if let Some(seconds) = retry_after {
                answer = answer.header("retry-after", seconds);
            }
            answer.body(Full::from(serde_json::to_vec(&problem).unwrap()))
        }
        Instead::Late => {
            state.late.push(seen);
            // Long enough that the client gives up at once.
            let problem = Problem::new(ProblemCode::Internal, None, "id".to_owned());
            let answer = Response::builder().status(500).header("retry-after", 3600);
            answer.body(Full::from(serde_json::to_vec(&problem).unwrap()))
        }
        Instead::Lost => {
            state.answer_once(&seen, &instead);
            return Err(std::io::Error::other("lost"));
        }
        _ if seen.method == Method::GET => match state.list(&seen.path) {
            Some(page) => status(200, page.to_string().into_bytes()),
            None => status(404, b"{\"code\":\"not_found\"}".to_vec()),
        },
        _ => {
            let (code, body) = state.answer_once(&seen, &instead);
            status(code, body)
        }
    }
    .unwrap())
}
