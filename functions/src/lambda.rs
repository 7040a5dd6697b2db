//! A group of routes as a Lambda function behind an API Gateway HTTP API.
//!
//! Reads `SHAREKEEP_TABLE_PREFIX` and what [`Config::from_environment`] names; region and credentials
//! as every AWS SDK does. Enclaves are found in the table `fleet`.

use crate::config::Config;
use crate::error::Error;
use crate::gate::ClientAddress;
use crate::observe::log_as_json;
use crate::router::RouteGroup;
use crate::state::State;
use crate::store::{Store, TablePrefix};
use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, config::Builder};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use sharekeep_schemas::enclave::RecordKey;
use tower::ServiceBuilder;

/// Starts up and serves events until Lambda ends the process.
///
/// # Errors
/// A setting that is missing or malformed, or a fault of Lambda's runtime interface.
pub async fn serve(group: RouteGroup) -> Result<(), lambda_http::Error> {
    log_as_json();
    let state = start().await?;
    let service = ServiceBuilder::new().map_request(with_address).service(group.app(state));
    lambda_http::run(service).await
}

async fn start() -> Result<State, Error> {
    let config = Config::from_environment()?;
    let prefix = TablePrefix::new(&setting("SHAREKEEP_TABLE_PREFIX")?)?;
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
    let client = Client::from_conf(Store::limits(Builder::from(&aws)).build());
    let store = Store::new(client, prefix);
    warm(&store).await;
    Ok(State::new(config, store))
}

fn setting(name: &'static str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| Error::Setting(name))
}

/// Resolves the store's name, shakes hands and fetches credentials before the first caller waits for
/// it. A store that is away is no reason not to start: it may be back for the first request.
async fn warm(store: &Store) {
    if let Err(error) = store.row(&RecordKey::DeploymentKeys).await {
        tracing::warn!(%error, "the store did not answer at the start");
    }
}

/// Tells the routers where the caller is, as API Gateway saw it.
fn with_address(mut request: lambda_http::Request) -> lambda_http::Request {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref()
        && let Some(Ok(address)) = context.http.source_ip.as_deref().map(str::parse)
    {
        request.extensions_mut().insert(ClientAddress(address));
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request that API Gateway makes of `GET /v1/wallets` (payload format 2.0).
    fn event(source_ip: &str) -> String {
        serde_json::json!({
            "version": "2.0",
            "routeKey": "GET /v1/wallets",
            "rawPath": "/v1/wallets",
            "rawQueryString": "limit=1",
            "headers": {"host": "api.example", "x-forwarded-for": "203.0.113.9"},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api",
                "domainName": "api.example",
                "domainPrefix": "api",
                "http": {
                    "method": "GET",
                    "path": "/v1/wallets",
                    "protocol": "HTTP/1.1",
                    "sourceIp": source_ip,
                    "userAgent": "test",
                },
                "requestId": "request",
                "routeKey": "GET /v1/wallets",
                "stage": "$default",
                "time": "01/Jan/2027:00:00:00 +0000",
                "timeEpoch": 1_798_761_600_000_u64,
            },
            "isBase64Encoded": false,
        })
        .to_string()
    }

    #[test]
    fn the_caller_is_where_the_gateway_saw_him_and_not_where_he_says() {
        for (seen, expected) in [
            ("198.51.100.7", "198.51.100.7".parse().ok()),
            ("2001:db8::1", "2001:db8::1".parse().ok()),
            ("", None),
        ] {
            let request = lambda_http::request::from_str(&event(seen)).unwrap();
            let request = with_address(request);
            let address = request.extensions().get::<ClientAddress>().map(|it| it.0);
            assert_eq!(address, expected);
            assert_eq!(request.uri().path(), "/v1/wallets");
            assert_eq!(request.uri().query(), Some("limit=1"));
        }
    }
}
