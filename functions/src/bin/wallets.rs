//! The Lambda function `wallets`: wallets and ceremonies.

use sharekeep_functions::{RouteGroup, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::serve(RouteGroup::Wallets).await
}
