//! Items of the store as whoever has the database in hand reads and writes them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use sharekeep_tests::{Deployment, Site};

/// All items of a table, and the table's full name.
pub(crate) fn items(deployment: &Deployment, table: &str) -> (String, Vec<Value>) {
    let dump = deployment.dump();
    let (name, items) = dump.iter().find(|(name, _)| name.ends_with(table)).unwrap();
    let items = items.iter().map(|item| serde_json::from_str(item).unwrap()).collect();
    (name.clone(), items)
}

/// The only item of a table that is wanted, and the table's full name.
pub(crate) fn only_item(
    deployment: &Deployment,
    table: &str,
    wanted: impl Fn(&Value) -> bool,
) -> (String, Value) {
    let (name, mut items) = items(deployment, table);
    items.retain(wanted);
    assert_eq!(items.len(), 1);
    (name, items.remove(0))
}

pub(crate) fn put(deployment: &Deployment, table: &str, item: &Value) {
    deployment.stack.world().database().unwrap().put(table, item).unwrap();
}

/// How long an item's sealed record is, in bytes.
pub(crate) fn sealed_len(item: &Value) -> usize {
    STANDARD.decode(item["bytes"]["B"].as_str().unwrap()).unwrap().len()
}
