use crate::world::empty_store;
use aws_sdk_dynamodb::types::{KeySchemaElement, TableDescription};
use serde_json::{Map, Value, json};
use sharekeep_functions::store::Store;
use std::path::Path;

/// What templates must make is what functions make for the embedded default: `./dev test infra`
/// compares infra/templates with this file.
/// `UPDATE_TABLES=1 cargo test -p sharekeep-functions layout` writes it anew.
#[tokio::test]
async fn the_layout_of_tables_is_the_one_in_the_repository() {
    let store = empty_store().await;
    let mut made = Map::new();
    for name in store.table_names() {
        let described = store.client().describe_table().table_name(&name).send().await.unwrap();
        let ttl = store.client().describe_time_to_live().table_name(&name).send().await.unwrap();
        let mut layout = layout(described.table().unwrap());
        let ttl = ttl.time_to_live_description().and_then(|it| it.attribute_name());
        layout["time_to_live"] = json!(ttl.unwrap());
        let name = name.rsplit('-').next().unwrap();
        layout["archived"] = json!(Store::ARCHIVED_TABLES.contains(&name));
        made.insert(name.to_owned(), layout);
    }
    let made = serde_json::to_string_pretty(&made).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tables.json");
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "functions/tables.json is out of date: see this test's comment");
}

/// In the words of CloudFormation.
fn layout(table: &TableDescription) -> Value {
    let attributes: Vec<_> = table
        .attribute_definitions()
        .iter()
        .map(|it| {
            json!({
                "AttributeName": it.attribute_name(),
                "AttributeType": it.attribute_type().as_str(),
            })
        })
        .collect();
    let mut layout = json!({ "attributes": attributes, "keys": keys(table.key_schema()) });
    if !table.global_secondary_indexes().is_empty() {
        layout["indexes"] = table
            .global_secondary_indexes()
            .iter()
            .map(|index| {
                let projection = index.projection().and_then(|it| it.projection_type());
                json!({
                    "IndexName": index.index_name(),
                    "KeySchema": keys(index.key_schema()),
                    "Projection": { "ProjectionType": projection.map(|it| it.as_str()) },
                })
            })
            .collect();
    }
    layout
}

fn keys(schema: &[KeySchemaElement]) -> Vec<Value> {
    let key = |it: &KeySchemaElement| json!({ "AttributeName": it.attribute_name(), "KeyType": it.key_type().as_str() });
    schema.iter().map(key).collect()
}
