use crate::Error;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use sharekeep_schemas::EnclaveKeyId;
use sharekeep_schemas::fleet::{self, FleetRow};
use std::future::Future;

/// Where rows of enclaves are kept.
pub trait FleetTable: Send + Sync + 'static {
    /// Writes a row, whole, in place of the one of the same key.
    fn put(&self, row: FleetRow) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes the row of a key away, if there is one.
    fn delete(&self, key: EnclaveKeyId) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The table in DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoFleet {
    client: Client,
    table: String,
}

impl DynamoFleet {
    /// The table of this name, by a client with time-outs.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl FleetTable for DynamoFleet {
    async fn put(&self, row: FleetRow) -> Result<(), Error> {
        let item = serde_dynamo::to_item(row).map_err(|_| Error::Fleet("a row".to_owned()))?;
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| failed(&error))
    }

    async fn delete(&self, key: EnclaveKeyId) -> Result<(), Error> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.key("pk", text(fleet::PARTITION)).key("sk", text(&key.to_string()));
        delete.send().await.map(drop).map_err(|error| failed(&error))
    }
}

fn failed<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Error {
    let code = error.as_service_error().and_then(|error| error.code());
    Error::Fleet(code.unwrap_or("no answer").to_owned())
}
