use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What differs between two policies, word for word and in order: each difference with the statement it is in.
#[must_use]
pub fn differences(found: &Value, expected: &Value) -> Vec<String> {
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

/// A policy as KMS may return it: a list of one is the one, and the order of statements and of the words
/// in a list says nothing. What it allows and denies is the same.
#[must_use]
pub fn normalized(policy: &Value) -> Value {
    match policy {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(normalized).collect();
            items.sort_by_cached_key(Value::to_string);
            match <[Value; 1]>::try_from(items) {
                // Statements stay a list: who compares them looks for their names.
                Ok([one]) if !one.is_object() => one,
                Ok([one]) => Value::Array(vec![one]),
                Err(items) => Value::Array(items),
            }
        }
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, it)| (name.clone(), normalized(it))).collect::<Map<_, _>>(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_of_one_and_other_orders_are_the_same_policy() {
        let one = json!({"Statement": [
            {"Sid": "A", "Action": ["kms:Decrypt", "kms:Encrypt"]},
            {"Sid": "B", "Action": ["kms:Decrypt"], "Principal": {"AWS": ["x"]}},
        ]});
        let other = json!({"Statement": [
            {"Sid": "B", "Action": "kms:Decrypt", "Principal": {"AWS": "x"}},
            {"Sid": "A", "Action": ["kms:Encrypt", "kms:Decrypt"]},
        ]});
        assert!(!differences(&one, &other).is_empty());
        assert!(differences(&normalized(&one), &normalized(&other)).is_empty());
    }

    #[test]
    fn another_action_principal_or_statement_stays_a_difference() {
        let policy =
            json!({"Statement": [{"Sid": "A", "Action": ["kms:Decrypt"], "Principal": "x"}]});
        for (place, by) in [
            ("/Statement/0/Action", json!(["kms:Decrypt", "kms:Encrypt"])),
            ("/Statement/0/Action", json!("kms:*")),
            ("/Statement/0/Principal", json!("*")),
            ("/Statement/0/Principal", json!({"AWS": "x"})),
            ("/Statement", json!([])),
        ] {
            let mut found = policy.clone();
            *found.pointer_mut(place).unwrap() = by;
            let faults = differences(&normalized(&found), &normalized(&policy));
            assert!(!faults.is_empty(), "{place}");
        }
    }
}
