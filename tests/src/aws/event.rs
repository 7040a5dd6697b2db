//! What an HTTP API makes of a request for a Lambda function, and of the function's answer: payload
//! format 2.0.

use super::routes::{Found, to_json};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Fields that concern the connection to the gateway only.
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];
/// Bodies that reach a function as they are; all others are encoded in base64.
const TEXTS: [&str; 4] = ["text/", "application/json", "application/javascript", "application/xml"];

/// The event of a request.
pub(super) fn event(
    request: &Parts,
    body: &[u8],
    found: &Found<'_>,
    caller: IpAddr,
    id: &str,
) -> Value {
    let host = request.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let (body, is_base64) = text_of(&request.headers, body);
    let mut event = json!({
        "version": "2.0",
        "routeKey": found.key,
        "rawPath": request.uri.path(),
        "rawQueryString": request.uri.query().unwrap_or_default(),
        "headers": headers(&request.headers, caller, host),
        "requestContext": {
            "accountId": "111111111111",
            "apiId": "emulated",
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "http": {
                "method": request.method.as_str(),
                "path": request.uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": caller.to_string(),
                "userAgent": request.headers.get(header::USER_AGENT).map_or("", text),
            },
            "requestId": id,
            "routeKey": found.key,
            "stage": "$default",
            // Nothing here reads it; AWS writes the same moment in words.
            "time": "20/Nov/2026:00:00:00 +0000",
            "timeEpoch": u64::try_from(now.as_millis()).unwrap(),
        },
        "isBase64Encoded": is_base64,
    });
    // What is empty is not there at all.
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            event[name] = value;
        }
    };
    set("body", body.map(Value::from));
    set("cookies", cookies(&request.headers));
    set("pathParameters", to_json(&found.parameters));
    set("queryStringParameters", request.uri.query().and_then(query));
    event
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// Names in lower case, the values of one name joined, cookies elsewhere, and what a gateway adds.
fn headers(given: &HeaderMap, caller: IpAddr, host: &str) -> Map<String, Value> {
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    let own = |name: &HeaderName| HOP_BY_HOP.contains(name) || name == header::COOKIE;
    for (name, value) in given.iter().filter(|(name, _)| !own(name)) {
        all.entry(name.as_str())
            .and_modify(|before| *before = format!("{before},{}", text(value)))
            .or_insert_with(|| text(value).to_owned());
    }
    all.entry("x-forwarded-for")
        .and_modify(|before| *before = format!("{before}, {caller}"))
        .or_insert_with(|| caller.to_string());
    let trace = "Root=1-00000000-000000000000000000000000".to_owned();
    let set = [("host", host.to_owned()), ("x-amzn-trace-id", trace)];
    let forwarded = [("x-forwarded-port", "443".into()), ("x-forwarded-proto", "https".into())];
    all.extend(set.into_iter().chain(forwarded));
    all.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn cookies(given: &HeaderMap) -> Option<Value> {
    let lines = given.get_all(header::COOKIE).iter().map(text);
    let cookies: Vec<_> = lines.flat_map(|line| line.split("; ")).collect();
    (!cookies.is_empty()).then(|| json!(cookies))
}

fn query(raw: &str) -> Option<Value> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        all.entry(name.to_owned())
            .and_modify(|before| *before = format!("{before},{value}"))
            .or_insert_with(|| value.to_owned());
    }
    to_json(&all)
}

fn text_of(headers: &HeaderMap, body: &[u8]) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let kind = headers.get(header::CONTENT_TYPE).map_or("", text);
    match std::str::from_utf8(body) {
        Ok(text) if TEXTS.iter().any(|known| kind.starts_with(known)) => {
            (Some(text.to_owned()), false)
        }
        _ => (Some(STANDARD.encode(body)), true),
    }
}

/// A function's answer. Other members, such as `multiValueHeaders`, are of other formats: an HTTP API
/// passes over them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response to a function's answer; none when it is no answer.
pub(super) fn response(answer: &[u8]) -> Option<Response<Full<Bytes>>> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded { STANDARD.decode(body).ok()? } else { body.into() };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(answer.status_code).ok()?;
    for (name, value) in answer.headers {
        let name: HeaderName = name.parse().ok()?;
        // It is the gateway that writes the message.
        if name == header::CONTENT_LENGTH || HOP_BY_HOP.contains(&name) {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        response.headers_mut().insert(name, value.parse().ok()?);
    }
    for cookie in answer.cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie.parse().ok()?);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::super::routes::Routes;
    use super::*;

    fn event_of(request: http::request::Builder, body: &[u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let routes = Routes::of_the_template();
        let found = routes.find(parts.method.as_str(), parts.uri.path()).unwrap();
        event(&parts, body, &found, "198.51.100.7".parse().unwrap(), "id")
    }

    #[test]
    fn a_request_becomes_the_event_that_an_http_api_makes_of_it() {
        let request = http::Request::builder()
            .method("POST")
            .uri("/v1/wallets/0a/archive?a=1&b=2&a=3")
            .header("Host", "api.example")
            .header("Content-Type", "application/json")
            .header("X-Many", "1")
            .header("X-Many", "2")
            .header("X-Forwarded-For", "203.0.113.9")
            .header("Connection", "keep-alive")
            .header("Cookie", "one=1; two=2")
            .header("User-Agent", "test");
        let event = event_of(request, b"{}");
        assert_eq!(event["routeKey"], "POST /v1/wallets/{id}/archive");
        assert_eq!(event["rawPath"], "/v1/wallets/0a/archive");
        assert_eq!(event["rawQueryString"], "a=1&b=2&a=3");
        assert_eq!(event["queryStringParameters"], json!({ "a": "1,3", "b": "2" }));
        assert_eq!(event["pathParameters"], json!({ "id": "0a" }));
        assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(event["headers"]["x-many"], "1,2");
        assert_eq!(event["headers"]["x-forwarded-for"], "203.0.113.9, 198.51.100.7");
        assert!(event["headers"].get("cookie").is_none());
        assert!(event["headers"].get("connection").is_none());
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "198.51.100.7");
        assert_eq!(event["requestContext"]["stage"], "$default");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    }

    #[test]
    fn bodies_that_are_no_text_travel_in_base64_and_empty_ones_not_at_all() {
        let to = |kind: &str| {
            http::Request::builder().method("POST").uri("/v1/wallets").header("content-type", kind)
        };
        for (kind, body) in [("application/cbor", &b"ab"[..]), ("application/json", &[0xff])] {
            let event = event_of(to(kind), body);
            assert_eq!(event["isBase64Encoded"], true);
            assert_eq!(STANDARD.decode(event["body"].as_str().unwrap()).unwrap(), body);
        }
        let event = event_of(http::Request::builder().uri("/v1/wallets"), b"");
        let absent = ["body", "cookies", "pathParameters", "queryStringParameters"];
        assert!(absent.iter().all(|name| event.get(name).is_none()), "{event}");
    }

    #[test]
    fn a_functions_answer_becomes_a_response_and_nonsense_becomes_none() {
        let answer = json!({
            "statusCode": 201,
            "headers": { "X-One": "1", "content-length": "99" },
            "multiValueHeaders": { "x-two": ["2"] },
            "cookies": ["a=1", "b=2"],
            "body": STANDARD.encode("made"),
            "isBase64Encoded": true,
        });
        let response = response(answer.to_string().as_bytes()).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["x-one"], "1");
        assert!(!response.headers().contains_key("x-two"));
        assert!(!response.headers().contains_key("content-length"));
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        for wrong in ["", "{}", "[]", r#"{"statusCode": 99}"#, r#"{"errorMessage": "no"}"#] {
            assert!(super::response(wrong.as_bytes()).is_none(), "{wrong}");
        }
        let broken = r#"{"statusCode": 200, "body": "%", "isBase64Encoded": true}"#;
        assert!(super::response(broken.as_bytes()).is_none());
    }
}
