//! The Lambda function `janitor`: what the tables' streams say goes into the locked bucket.

use sharekeep_functions::archive;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    archive::serve().await
}
