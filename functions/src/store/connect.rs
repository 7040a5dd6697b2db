use super::Store;
use crate::error::{Error, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig};
use std::time::Duration;

/// One attempt. DynamoDB answers within milliseconds; a slower one is a lost packet.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// All attempts of one operation together; a client waits for several operations.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// First try and two more.
const MAX_ATTEMPTS: u32 = 3;

/// What every table's name starts with, so that deployments can share an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TablePrefix(String);

impl TablePrefix {
    /// At most 64 of `A-Z a-z 0-9 - _ .`, which is what DynamoDB takes.
    pub fn new(text: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.len() <= 64 && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Setting("table prefix"))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An access key for a store outside AWS. Not printable.
pub struct StoreKeys {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

/// How to reach a store outside AWS.
pub struct StoreSettings {
    /// For example `http://127.0.0.1:8000`.
    pub endpoint: String,
    /// The region to sign for.
    pub region: String,
    /// What to sign with. The embedded engine wants a signature but does not verify it.
    pub keys: StoreKeys,
    /// See [`TablePrefix`].
    pub prefix: TablePrefix,
}

impl Store {
    /// A store at a given address. Does not connect yet.
    pub fn connect(settings: StoreSettings) -> Self {
        let credentials = Credentials::new(
            settings.keys.access_key_id,
            settings.keys.secret_access_key,
            None,
            None,
            "sharekeep",
        );
        let config = Self::limits(Builder::new())
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(settings.endpoint)
            .region(Region::new(settings.region))
            .credentials_provider(credentials)
            .build();
        Self::new(Client::from_conf(config), settings.prefix)
    }

    /// Time-outs and retries that every client of a store should have.
    pub fn limits(builder: Builder) -> Builder {
        builder
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(ATTEMPT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            )
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(MAX_ATTEMPTS)
                    .with_initial_backoff(Duration::from_millis(50))
                    .with_max_backoff(Duration::from_millis(500)),
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_dynamodb_would_refuse_is_refused_first() {
        assert!(TablePrefix::new("prod-1_").is_ok());
        assert!(TablePrefix::new("").is_ok());
        assert!(TablePrefix::new("a/b").is_err());
        assert!(TablePrefix::new(&"x".repeat(65)).is_err());
    }
}
