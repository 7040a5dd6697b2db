//! The whole interface as one Lambda function behind an API Gateway HTTP API.
//!
//! Reads `SHAREKEEP_TABLE_PREFIX`, `SHAREKEEP_ENCLAVE` (`host:port`) and what
//! [`Config::from_environment`] names; region and credentials as every AWS SDK does.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, config::Builder};
use lambda_http::request::RequestContext;
use lambda_http::{Error, RequestExt};
use sharekeep_functions::enclave_client::{EnclaveAddress, EnclaveClient, OneEnclave};
use sharekeep_functions::store::{Store, TablePrefix};
use sharekeep_functions::{ClientAddress, Config, State, app, log_as_json};
use std::sync::Arc;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Error> {
    log_as_json();
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
    let client = Client::from_conf(Store::limits(Builder::from(&aws)).build());
    let store = Store::new(client, TablePrefix::new(&std::env::var("SHAREKEEP_TABLE_PREFIX")?)?);
    let address = EnclaveAddress::parse(&std::env::var("SHAREKEEP_ENCLAVE")?)?;
    let enclave = OneEnclave::new(EnclaveClient::new(address));
    let state = State::new(Config::from_environment()?, store, Arc::new(enclave));
    let service = ServiceBuilder::new().map_request(with_address).service(app(state));
    lambda_http::run(service).await
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
