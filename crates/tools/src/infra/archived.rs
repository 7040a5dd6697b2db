//! The way from tables into the archive, without a table left out: what `functions/tables.json` calls
//! archived has a stream, the stream calls the janitor until it succeeds, and the janitor may read it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::described::read;
use super::template::Template;

/// The function's logical name.
const JANITOR: &str = "Janitor";
/// Templates that use tables: of whichever generation a restore made, so never by the deployment's own
/// prefix.
const USERS: [&str; 3] = ["api.yaml", "hosts.yaml", "watch.yaml"];
const BY_OWN_PREFIX: [&str; 4] = [
    "table/${Prefix}",
    "{Name: TableName, Value: !Sub \"${Prefix}",
    "--fleet-table ${Prefix}",
    "SHAREKEEP_TABLE_PREFIX: !Ref Prefix",
];

pub(super) fn check(root: &Path) -> Result<()> {
    let folder = root.join("infra/templates");
    let storage = Template::read(&folder.join("storage.yaml"))?;
    let api = Template::read(&folder.join("api.yaml"))?;
    let tables: BTreeMap<String, Value> = read(&root.join("functions/tables.json"))?;
    let archived: BTreeSet<_> =
        tables.iter().filter(|(_, it)| it["archived"] == true).map(|(name, _)| &**name).collect();
    ensure!(!archived.is_empty(), "functions/tables.json archives nothing");
    compare(&storage, &api, &archived)?;
    for name in USERS {
        let text = std::fs::read_to_string(folder.join(name)).context(name)?;
        uses_the_tables_in_use(&text).context(name)?;
    }
    Ok(())
}

fn uses_the_tables_in_use(template: &str) -> Result<()> {
    let found = BY_OWN_PREFIX.iter().find(|it| template.contains(**it));
    ensure!(found.is_none(), "{found:?}: after a restore that is not the table in use");
    Ok(())
}

fn compare(storage: &Template, api: &Template, archived: &BTreeSet<&str>) -> Result<()> {
    let outputs = streams_given(storage)?;
    let given: BTreeSet<_> = outputs.values().map(|it| &**it).collect();
    ensure!(&given == archived, "storage.yaml gives streams of {given:?}, not of {archived:?}");
    let wanted: BTreeSet<_> = outputs.keys().map(|it| &**it).collect();

    let mut called = BTreeSet::new();
    for (name, mapping) in api.resources("AWS::Lambda::EventSourceMapping")? {
        let properties = &mapping["Properties"];
        let stream = properties["EventSourceArn"]["Ref"].as_str().context("no stream")?;
        called.insert(stream);
        let mut rest = properties.clone();
        // How much at once is a matter of cost alone.
        let rest = rest.as_object_mut().context("no properties")?;
        for free in ["EventSourceArn", "BatchSize", "MaximumBatchingWindowInSeconds"] {
            rest.remove(free);
        }
        let expected = json!({
            "FunctionName": {"Ref": JANITOR},
            "StartingPosition": "TRIM_HORIZON",
            "BisectBatchOnFunctionError": true,
            "MaximumRetryAttempts": -1,
            "MaximumRecordAgeInSeconds": -1,
        });
        ensure!(json!(rest) == expected, "{name} could leave something out: {rest:?}");
    }
    ensure!(called == wanted, "the janitor is called by {called:?}, and must be by {wanted:?}");

    let statements = api.part(&format!(
        "/Resources/{JANITOR}Role/Properties/Policies/0/PolicyDocument/Statement"
    ))?;
    let readable: BTreeSet<_> = statements
        .as_array()
        .context("no statements")?
        .iter()
        .filter(|it| it["Sid"] == "Streams")
        .filter_map(|it| it["Resource"].as_array())
        .flatten()
        .filter_map(|it| it["Ref"].as_str())
        .collect();
    ensure!(readable == wanted, "the janitor may read {readable:?}, and must read {wanted:?}");
    Ok(())
}

/// Tables' names by the output that gives their stream, which is a parameter of the api stack too.
fn streams_given(storage: &Template) -> Result<BTreeMap<String, String>> {
    let mut given = BTreeMap::new();
    for (logical, table) in storage.resources("AWS::DynamoDB::Table")? {
        let output = format!("{logical}Stream");
        let Ok(value) = storage.part(&format!("/Outputs/{output}/Value")) else { continue };
        ensure!(*value == json!({"Fn::GetAtt": [logical, "StreamArn"]}), "{output} is {value}");
        let name = table["Properties"]["TableName"]["Fn::Sub"].as_str().context("no name")?;
        let name = name.strip_prefix("${Prefix}").context("a table's name has no prefix")?;
        given.insert(output, name.to_owned());
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    #[test]
    fn a_table_of_before_a_restore_is_seen() {
        let text = std::fs::read_to_string(root().join("infra/templates/api.yaml")).unwrap();
        uses_the_tables_in_use(&text).unwrap();
        for (from, to) in [
            ("table/${TablePrefix}", "table/${Prefix}"),
            ("TABLE_PREFIX: !Ref TablePrefix", "TABLE_PREFIX: !Ref Prefix"),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            assert!(uses_the_tables_in_use(&other).is_err());
        }
    }

    #[test]
    fn a_table_that_is_left_out_anywhere_on_the_way_is_seen() {
        check(root()).unwrap();
        let text = |name: &str| {
            std::fs::read_to_string(root().join("infra/templates").join(name)).unwrap()
        };
        let (storage, api) = (text("storage.yaml"), text("api.yaml"));
        let parsed = |text: &str| Template::parse(text).unwrap();
        let tables: BTreeMap<String, Value> = read(&root().join("functions/tables.json")).unwrap();
        let archived: BTreeSet<_> = tables
            .iter()
            .filter(|(_, it)| it["archived"] == true)
            .map(|(name, _)| &**name)
            .collect();
        compare(&parsed(&storage), &parsed(&api), &archived).unwrap();
        for (from, to) in [
            ("EventSourceArn: !Ref FactorsStream", "EventSourceArn: !Ref WalletsStream"),
            ("                  - !Ref FactorsStream\n", ""),
            ("MaximumRetryAttempts: -1", "MaximumRetryAttempts: 3"),
            ("MaximumRecordAgeInSeconds: -1", "MaximumRecordAgeInSeconds: 60"),
            ("StartingPosition: TRIM_HORIZON", "StartingPosition: LATEST"),
        ] {
            let other = api.replacen(from, to, 1);
            assert_ne!(other, api, "{from}");
            assert!(compare(&parsed(&storage), &parsed(&other), &archived).is_err(), "{from}");
        }
        let line = "  FactorsStream: {Value: !GetAtt Factors.StreamArn}\n";
        let fewer = storage.replacen(line, "", 1);
        assert_ne!(fewer, storage);
        assert!(compare(&parsed(&fewer), &parsed(&api), &archived).is_err());
        let crossed = storage.replacen("Factors.StreamArn", "Wallets.StreamArn", 1);
        assert!(compare(&parsed(&crossed), &parsed(&api), &archived).is_err());
    }
}
