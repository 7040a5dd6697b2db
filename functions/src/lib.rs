//! The Lambda functions: axum routers, DynamoDB store, enclave client.
