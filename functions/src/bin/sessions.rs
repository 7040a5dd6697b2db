//! The Lambda function `sessions`: attestation, releases, sessions, devices, events, health.

use sharekeep_functions::{RouteGroup, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::serve(RouteGroup::Sessions).await
}
