//! Compares the key's template with the policy that it must have, statement by statement.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::policy::State;
use super::template::Template;

/// What a PCR parameter takes: nothing, or 96 hexadecimal digits that are not all zero.
const PCR_PATTERN: &str = "|(?!0{96})[0-9a-f]{96}";
const PCR_PARAMETERS: [&str; 6] = ["Pcr0", "Pcr1", "Pcr2", "NextPcr0", "NextPcr1", "NextPcr2"];
/// What the policy's alternatives hang on.
const CONDITIONS: [(&str, &str); 3] = [
    ("HasImage", r#"!Not [!Equals [!Ref Pcr0, ""]]"#),
    ("HasNextImage", r#"!Not [!Equals [!Ref NextPcr0, ""]]"#),
    ("IsFrozen", r#"!Equals [!Ref FreezePolicy, "for ever"]"#),
];

/// Compares everything that the template can make of a key with what it must make.
///
/// # Errors
/// Every difference, by the name of its statement.
pub(crate) fn check(template: &Template) -> Result<()> {
    let mut faults = faults_around_the_policy(template)?;
    for state in State::all() {
        let parameters = state.parameters();
        let found = template
            .evaluate(template.part("/Resources/Key/Properties/KeyPolicy")?, &parameters)?;
        let weaknesses = differences(&found, &state.policy());
        faults.extend(weaknesses.into_iter().map(|fault| format!("{fault} (in {state:?})")));
    }
    if !faults.is_empty() {
        bail!("the key is not what it must be:\n{}", faults.join("\n"));
    }
    Ok(())
}

/// The policy holds only for this key, only while nothing beside it gives rights.
fn faults_around_the_policy(template: &Template) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut resources = template.part("/Resources")?.clone();
    let key = resources.pointer_mut("/Key").context("Resources/Key is missing")?;
    let properties = key.pointer_mut("/Properties").and_then(Value::as_object_mut);
    let properties = properties.context("Key/Properties is missing")?;
    properties.remove("KeyPolicy");
    properties.remove("Description");
    let expected = json!({ "Key": {
        "Type": "AWS::KMS::Key",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "MultiRegion": false,
            "EnableKeyRotation": true,
            "PendingWindowInDays": 30,
            "BypassPolicyLockoutSafetyCheck": true,
        },
    } });
    if resources != expected {
        faults.push(format!("Resources: {resources} instead of {expected}"));
    }
    for (name, condition) in CONDITIONS {
        let expected = Template::parse(condition)?;
        if template.part(&format!("/Conditions/{name}"))? != expected.part("")? {
            faults.push(format!("the condition {name} is not `{condition}`"));
        }
    }
    for name in PCR_PARAMETERS {
        let parameter = template.part(&format!("/Parameters/{name}"))?;
        if parameter["AllowedPattern"] != PCR_PATTERN || parameter["Default"] != "" {
            faults.push(format!("{name}: takes other values than measurements, or has a default"));
        }
    }
    Ok(faults)
}

/// What differs between two policies, each difference with the statement it is in.
fn differences(found: &Value, expected: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut left = statements(expected);
    let found_statements = found["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    for statement in found_statements {
        let Some(sid) = statement["Sid"].as_str() else {
            faults.push(format!("a statement has no name: {statement}"));
            continue;
        };
        match left.remove(sid) {
            None => faults.push(format!("{sid}: an unknown statement, or one that is there twice")),
            Some(expected) => faults.extend(
                members(statement, expected)
                    .into_iter()
                    .filter(|name| statement.get(name) != expected.get(name))
                    .map(|name| format!("{sid}: {name} is {}", shown(statement.get(name)))),
            ),
        }
    }
    faults.extend(left.into_keys().map(|sid| format!("{sid}: the statement is missing")));
    for name in members(found, expected) {
        if name != "Statement" && found.get(name) != expected.get(name) {
            faults.push(format!("the policy's {name} is {}", shown(found.get(name))));
        }
    }
    if faults.is_empty() && found != expected {
        faults.push("the statements are in another order".to_owned());
    }
    faults
}

fn statements(policy: &Value) -> BTreeMap<&str, &Value> {
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    statements.iter().filter_map(|it| Some((it["Sid"].as_str()?, it))).collect()
}

/// The names of the members of both.
fn members<'v>(one: &'v Value, other: &'v Value) -> Vec<&'v str> {
    let names = |value: &'v Value| value.as_object().into_iter().flat_map(|it| it.keys());
    let mut all: Vec<_> = names(one).chain(names(other)).map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn shown(member: Option<&Value>) -> String {
    member.map_or_else(|| "missing".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests;
