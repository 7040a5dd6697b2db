use super::{Store, fault_of};
use crate::error::{Error, Result};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableStatus, TimeToLiveSpecification,
};
use std::time::Duration;

/// Sessions of a user, the longest-lived last. Items without a `user` are not in it.
pub(super) const SESSIONS_BY_USER: &str = "by_user";
/// How often a table that is being made is looked at, and how long between looks.
const ACTIVE_ATTEMPTS: u32 = 100;
const ACTIVE_PAUSE: Duration = Duration::from_millis(100);

impl Store {
    /// Creates the tables that are missing. For local runs and tests: in AWS the deployment's
    /// template makes them, with protection against deletion and point-in-time recovery, and
    /// functions may not.
    ///
    /// The layout is the same for all tables: `pk` and `sk` (text); TTL by `expires_at` (seconds
    /// since 1970). `sessions` has the index `by_user` on `user` (text) and `expires_at`.
    pub async fn create_tables(&self) -> Result<()> {
        for name in Self::tables() {
            self.create_table(name).await?;
        }
        Ok(())
    }

    async fn create_table(&self, name: &str) -> Result<()> {
        let table = self.table(name);
        let mut request = self
            .client
            .create_table()
            .table_name(&table)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk", ScalarAttributeType::S)?)
            .attribute_definitions(attribute("sk", ScalarAttributeType::S)?)
            .key_schema(key("pk", KeyType::Hash)?)
            .key_schema(key("sk", KeyType::Range)?);
        if name == "sessions" {
            request = request
                .attribute_definitions(attribute("user", ScalarAttributeType::S)?)
                .attribute_definitions(attribute("expires_at", ScalarAttributeType::N)?)
                .global_secondary_indexes(sessions_by_user()?);
        }
        match request.send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceInUseException") => return Ok(()),
            Err(error) => return Err(fault_of(&error)),
        }
        self.wait_until_active(&table).await?;
        let ttl = TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name("expires_at")
            .build()
            .map_err(|_| Error::Internal("TTL definition"))?;
        self.client
            .update_time_to_live()
            .table_name(&table)
            .time_to_live_specification(ttl)
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        Ok(())
    }

    async fn wait_until_active(&self, table: &str) -> Result<()> {
        for _ in 0..ACTIVE_ATTEMPTS {
            let answer = self
                .client
                .describe_table()
                .table_name(table)
                .send()
                .await
                .map_err(|error| fault_of(&error))?;
            let status = answer.table().and_then(|table| table.table_status());
            if status == Some(&TableStatus::Active) {
                return Ok(());
            }
            tokio::time::sleep(ACTIVE_PAUSE).await;
        }
        Err(Error::StoreUnavailable("a table does not become active".into()))
    }
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(kind)
        .build()
        .map_err(|_| Error::Internal("attribute definition"))
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .map_err(|_| Error::Internal("key definition"))
}

fn sessions_by_user() -> Result<GlobalSecondaryIndex> {
    GlobalSecondaryIndex::builder()
        .index_name(SESSIONS_BY_USER)
        .key_schema(key("user", KeyType::Hash)?)
        .key_schema(key("expires_at", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .map_err(|_| Error::Internal("index definition"))
}
