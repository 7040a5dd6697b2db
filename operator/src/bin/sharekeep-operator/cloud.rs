//! Clients of AWS, configured as every AWS tool is.

use crate::arguments::Table;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::Builder;
use sharekeep_functions::store::{Store, TablePrefix};
use sharekeep_operator::Result;
use std::time::Duration;

/// All attempts of one operation together.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);

/// Region, credentials and endpoint out of the environment and the profiles.
pub(crate) async fn configuration() -> SdkConfig {
    loader().load().await
}

/// The same for where the key is: its region, and a profile of its own if one is named. That profile
/// counts even where the environment has credentials: they are of the service's account.
pub(crate) async fn configuration_of_key(region: &str, profile: Option<&str>) -> SdkConfig {
    let mut loader = loader().region(Region::new(region.to_owned()));
    if let Some(name) = profile {
        let profile = ProfileFileCredentialsProvider::builder().profile_name(name).build();
        loader = loader.credentials_provider(profile);
    }
    loader.load().await
}

fn loader() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder().operation_timeout(OPERATION_TIMEOUT).build();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts)
}

/// The deployment's tables.
pub(crate) fn store(configuration: &SdkConfig, table: &Table) -> Result<Store> {
    let prefix = TablePrefix::new(&table.table_prefix)?;
    let client =
        aws_sdk_dynamodb::Client::from_conf(Store::limits(Builder::from(configuration)).build());
    Ok(Store::new(client, prefix))
}
