//! The embedded DynamoDB, served on this machine.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::list_tables::ListTablesRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::scan::ScanRequest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Error;
use crate::background::Background;
use crate::secrecy::{Canary, forms_of};

/// Where canaries are planted; no program of the service knows this table.
const CANARY_TABLE: &str = "secrecy-canary";

/// Everything in the store: per table, each item as canonical JSON. Two dumps are equal exactly
/// when the stores are.
pub type Dump = BTreeMap<String, Vec<String>>;

/// The database, whether it is served or only opened.
#[derive(Clone)]
pub struct Database {
    inner: dynoxide::Database,
}

impl Database {
    /// Opens the file; it is made when absent.
    pub(crate) fn open(file: &Path) -> Result<Self, Error> {
        let path = file.to_str().ok_or_else(|| Error::damaged(file, "its path is not UTF-8"))?;
        Ok(Self { inner: dynoxide::Database::new(path).map_err(failed)? })
    }

    /// Serves it on a port of this machine; where it speaks DynamoDB's protocol.
    pub(super) async fn serve(&self, background: &Background) -> Result<String, Error> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|source| Error::Listen { address: "127.0.0.1:0".into(), source })?;
        let address = listener.local_addr().map_err(|e| Error::io("ask", "a socket", e))?;
        let served = self.inner.clone();
        background.spawn_orderly(|stop| async move {
            let stopped = stop.cancelled_owned();
            let served = dynoxide::server::serve_with_shutdown(listener, served, stopped).await;
            if let Err(error) = served {
                tracing::error!(error, "the embedded database stopped");
            }
        });
        Ok(format!("http://{address}"))
    }

    /// Every item of every table.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn dump(&self) -> Result<Dump, Error> {
        let mut dump = Dump::new();
        for table in self.tables()? {
            let mut items = Vec::new();
            let mut from: Option<Value> = None;
            loop {
                let mut request = json!({ "TableName": table, "ConsistentRead": true });
                if let Some(from) = from {
                    request["ExclusiveStartKey"] = from;
                }
                let page = self.inner.scan(shaped::<ScanRequest>(request)?).map_err(failed)?;
                let page = serde_json::to_value(page).map_err(failed)?;
                for item in page["Items"].as_array().into_iter().flatten() {
                    items.push(item.to_string());
                }
                match page.get("LastEvaluatedKey").filter(|key| !key.is_null()) {
                    Some(key) => from = Some(key.clone()),
                    None => break,
                }
            }
            items.sort();
            dump.insert(table, items);
        }
        Ok(dump)
    }

    /// Writes one item as an attacker with the database in hand would.
    ///
    /// # Errors
    /// [`Error::Database`] when the table does not exist or the item does not fit it.
    pub fn put(&self, table: &str, item: &Value) -> Result<(), Error> {
        let request = json!({ "TableName": table, "Item": item });
        self.inner.put_item(shaped::<PutItemRequest>(request)?).map_err(failed)?;
        Ok(())
    }

    /// Writes the canary in every form, for a search of the store's files to find.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn plant(&self, canary: &Canary) -> Result<(), Error> {
        if !self.tables()?.iter().any(|table| table == CANARY_TABLE) {
            let request = json!({
                "TableName": CANARY_TABLE,
                "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
                "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
                "BillingMode": "PAY_PER_REQUEST",
            });
            self.inner.create_table(shaped::<CreateTableRequest>(request)?).map_err(failed)?;
        }
        for (i, (form, bytes)) in forms_of(canary.bytes()).into_iter().enumerate() {
            let mut item: HashMap<&str, Value> =
                HashMap::from([("pk", json!({ "S": format!("{i}-{form}") }))]);
            let attribute = match String::from_utf8(bytes) {
                Ok(text) => json!({ "S": text }),
                Err(e) => json!({ "B": base64_standard(e.as_bytes()) }),
            };
            item.insert("found", attribute);
            self.put(CANARY_TABLE, &json!(item))?;
        }
        Ok(())
    }

    fn tables(&self) -> Result<Vec<String>, Error> {
        let page = self
            .inner
            .list_tables(shaped::<ListTablesRequest>(json!({ "Limit": 100 }))?)
            .map_err(failed)?;
        Ok(page.table_names)
    }
}

fn base64_standard(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

fn shaped<T: DeserializeOwned>(request: Value) -> Result<T, Error> {
    serde_json::from_value(request).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Database(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrecy::{Needles, search_dir};

    #[test]
    fn a_canary_in_the_store_is_found_in_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("store.db")).unwrap();
        let canary = Canary::random();
        database.plant(&canary).unwrap();
        database.plant(&canary).unwrap();
        let needles = Needles::new(vec![canary.needle()]).unwrap();
        let report = search_dir(&needles, dir.path()).unwrap();
        assert!(!report.forms_of("canary").is_empty());
        let dump = database.dump().unwrap();
        assert_eq!(dump[CANARY_TABLE].len(), forms_of(canary.bytes()).len());
    }
}
