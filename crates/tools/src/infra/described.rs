//! Compares templates with what the functions say that they use: `functions/tables.json`,
//! `functions/openapi.json` and `functions/groups.json`, which tests of the functions keep true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::template::Template;

/// Routes that are no part of the interface: the page to try it, and what browsers ask first.
const ROUTES_BESIDES: [&str; 4] =
    ["GET /docs", "GET /docs/{file+}", "GET /openapi.json", "OPTIONS /{path+}"];
/// The group of functions that answers them.
const GROUP_OF_ROUTES_BESIDES: &str = "sessions";
/// The function that no route leads to: the streams of tables call it.
const FUNCTION_OF_STREAMS: &str = "janitor";

/// Every table that the functions use, laid out as they make it for the embedded default.
pub(super) fn check_tables(root: &Path) -> Result<()> {
    let template = Template::read(&root.join("infra/templates/storage.yaml"))?;
    let mut found = Map::new();
    for table in template.resources("AWS::DynamoDB::Table")?.into_values() {
        let properties = &table["Properties"];
        let name = properties["TableName"]["Fn::Sub"].as_str().context("a table has no name")?;
        let name = name.strip_prefix("${Prefix}").context("a table's name has no prefix")?;
        let former = found.insert(name.to_owned(), layout(properties));
        ensure!(former.is_none(), "two tables are called {name}");
    }
    compare(&found, &read(&root.join("functions/tables.json"))?)
}

fn compare(found: &Map<String, Value>, expected: &Map<String, Value>) -> Result<()> {
    let names: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    for name in names {
        let (is, must) = (found.get(name), expected.get(name));
        ensure!(is == must, "table {name} is {is:?} in storage.yaml, and {must:?} for functions");
    }
    Ok(())
}

/// A table's layout as `functions/tables.json` has it.
fn layout(properties: &Value) -> Value {
    let mut layout = json!({
        "attributes": properties["AttributeDefinitions"],
        "keys": properties["KeySchema"],
        "time_to_live": properties["TimeToLiveSpecification"]["AttributeName"],
        // What is archived has a stream, and nothing else.
        "archived": properties.get("StreamSpecification").is_some(),
    });
    if let Some(indexes) = properties.get("GlobalSecondaryIndexes") {
        layout["indexes"] = indexes.clone();
    }
    layout
}

/// Every route of the interface, and no other.
pub(super) fn check_routes(root: &Path) -> Result<()> {
    let template = Template::read(&root.join("infra/templates/api.yaml"))?;
    let routes = template.resources("AWS::ApiGatewayV2::Route")?;
    let found: BTreeSet<_> = routes
        .values()
        .map(|route| route["Properties"]["RouteKey"].as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .context("a route has no key")?;
    ensure!(found.len() == routes.len(), "a route is there twice");
    let description: Value = read(&root.join("functions/openapi.json"))?;
    let mut expected: BTreeSet<_> = ROUTES_BESIDES.map(str::to_owned).into();
    let paths = description["paths"].as_object().context("openapi.json has no paths")?;
    for (path, methods) in paths {
        let methods = methods.as_object().context("a path without methods")?;
        expected.extend(methods.keys().map(|it| format!("{} {path}", it.to_uppercase())));
    }
    let differing: Vec<_> = found.symmetric_difference(&expected).collect();
    ensure!(differing.is_empty(), "routes of api.yaml and of the functions differ: {differing:?}");
    Ok(())
}

/// Every route leads to the function that serves it, and every function is the program of a group.
pub(super) fn check_groups(root: &Path) -> Result<()> {
    let template = Template::read(&root.join("infra/templates/api.yaml"))?;
    let mut expected: Groups = read(&root.join("functions/groups.json"))?;
    expected
        .get_mut(GROUP_OF_ROUTES_BESIDES)
        .context("a group is missing")?
        .extend(ROUTES_BESIDES.map(str::to_owned));
    expected.insert(FUNCTION_OF_STREAMS.to_owned(), BTreeSet::new());
    let found = groups(&template)?;
    ensure!(found == expected, "api.yaml routes {found:?}, and the functions serve {expected:?}");
    Ok(())
}

/// Routes by the group that serves them.
type Groups = BTreeMap<String, BTreeSet<String>>;

/// Where the template sends each route.
fn groups(template: &Template) -> Result<Groups> {
    let integrations = template.resources("AWS::ApiGatewayV2::Integration")?;
    let mut by_function = BTreeMap::new();
    let mut groups = Groups::new();
    for (name, function) in template.resources("AWS::Lambda::Function")? {
        let properties = &function["Properties"];
        let called = properties["FunctionName"]["Fn::Sub"].as_str();
        let group = called.and_then(|it| it.strip_prefix("${Prefix}")).context("no name")?;
        let zip = properties["Code"]["S3Key"]["Fn::Sub"].as_str();
        ensure!(zip == Some(&format!("${{Release}}/{group}.zip")), "{name} runs {zip:?}");
        by_function.insert(name, group);
        groups.insert(group.to_owned(), BTreeSet::new());
    }
    for (name, route) in template.resources("AWS::ApiGatewayV2::Route")? {
        let properties = &route["Properties"];
        let integration = properties["Target"]["Fn::Sub"]
            .as_str()
            .and_then(|it| it.strip_prefix("integrations/${")?.strip_suffix('}'))
            .and_then(|it| integrations.get(it))
            .with_context(|| format!("{name} leads nowhere"))?;
        let group = integration["Properties"]["IntegrationUri"]["Fn::GetAtt"][0]
            .as_str()
            .and_then(|it| by_function.get(it))
            .with_context(|| format!("{name} leads to no function"))?;
        let key = properties["RouteKey"].as_str().context("a route has no key")?;
        groups.entry((*group).to_owned()).or_default().insert(key.to_owned());
    }
    Ok(groups)
}

/// One role a function, for what one function may do is no business of the next.
pub(super) fn check_roles(root: &Path) -> Result<()> {
    let template = Template::read(&root.join("infra/templates/api.yaml"))?;
    let functions = template.resources("AWS::Lambda::Function")?;
    let roles = template.resources("AWS::IAM::Role")?;
    for (name, function) in &functions {
        let role = function["Properties"]["Role"]["Fn::GetAtt"][0].as_str();
        ensure!(role == Some(&format!("{name}Role")), "{name} has the role {role:?}");
    }
    ensure!(roles.len() == functions.len(), "a role belongs to no function");
    Ok(())
}

pub(super) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    #[test]
    fn tables_and_routes_in_the_repository_fit() {
        check_tables(root()).unwrap();
        check_routes(root()).unwrap();
        check_groups(root()).unwrap();
        check_roles(root()).unwrap();
    }

    #[test]
    fn a_route_that_leads_to_another_function_is_seen() {
        let text = std::fs::read_to_string(root().join("infra/templates/api.yaml")).unwrap();
        let route = "RouteKey: \"POST /v1/restore\", Target: !Sub \"integrations/${";
        let astray = text.replace(
            &format!("{route}RecoveryIntegration}}"),
            &format!("{route}WalletsIntegration}}"),
        );
        assert_ne!(astray, text);
        let led = |text: &str| groups(&Template::parse(text).unwrap()).unwrap();
        assert_ne!(led(&astray), led(&text));
        let other_program = text.replace("/recovery.zip", "/wallets.zip");
        assert!(groups(&Template::parse(&other_program).unwrap()).is_err());
    }

    #[test]
    fn a_missing_a_further_and_a_different_table_are_found() {
        let expected: Map<String, Value> = read(&root().join("functions/tables.json")).unwrap();
        compare(&expected, &expected).unwrap();
        for name in expected.keys() {
            let mut fewer = expected.clone();
            fewer.remove(name);
            assert!(compare(&fewer, &expected).is_err());
            assert!(compare(&expected, &fewer).is_err());
            let mut other = expected.clone();
            other[name]["keys"][0]["AttributeName"] = json!("id");
            assert!(compare(&other, &expected).is_err());
        }
    }
}
