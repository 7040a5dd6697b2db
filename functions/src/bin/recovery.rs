//! The Lambda function `recovery`: backups, factors, passcodes, restore.

use sharekeep_functions::{RouteGroup, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::serve(RouteGroup::Recovery).await
}
