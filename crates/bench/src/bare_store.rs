//! The store alone: the AWS SDK against the same embedded DynamoDB, with the functions' settings.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use sharekeep_functions::store::Store;
use sharekeep_local::assemble::connect_store;
use sharekeep_schemas::enclave::RecordKey;

/// An item as the service stored it, with a place beside it that no program of the service knows.
pub(crate) struct BareStore {
    store: Store,
    table: String,
    item: HashMap<String, AttributeValue>,
}

impl BareStore {
    /// Finds a record's item.
    pub(crate) async fn beside(endpoint: &str, record: &RecordKey) -> Result<Self> {
        let store = connect_store(endpoint)?;
        let table = store.table_names().into_iter().find(|name| name.ends_with(record.table()));
        let (partition, sort) = (record.partition(), record.sort());
        let mut bare = Self { store, table: table.context("no such table")?, item: HashMap::new() };
        bare.item = bare.read(partition, sort).await?;
        bare.item.insert("pk".to_owned(), AttributeValue::S("bench".to_owned()));
        bare.put().await?;
        Ok(bare)
    }

    /// Stores an item of the same size.
    pub(crate) async fn put(&self) -> Result<()> {
        let put = self.store.client().put_item().table_name(&self.table);
        put.set_item(Some(self.item.clone())).send().await?;
        Ok(())
    }

    /// Reads it.
    pub(crate) async fn get(&self) -> Result<()> {
        let sort = self.item.get("sk").and_then(|sk| sk.as_s().ok()).context("no sort key")?;
        self.read("bench".to_owned(), sort.clone()).await.map(drop)
    }

    async fn read(&self, pk: String, sk: String) -> Result<HashMap<String, AttributeValue>> {
        let get = self.store.client().get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk));
        get.send().await?.item.context("no such item")
    }
}
