use super::*;

const TEMPLATE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/templates/key.yaml"));

fn running() -> State {
    State { image: true, next_image: false, frozen: false }
}

/// The complaint about a policy that was changed by hand.
fn complaint(change: impl FnOnce(&mut Value)) -> String {
    let expected = running().policy();
    let mut found = expected.clone();
    change(&mut found);
    assert_ne!(found, expected, "nothing was changed");
    let faults = differences(&found, &expected);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.concat()
}

fn statement<'p>(policy: &'p mut Value, sid: &str) -> &'p mut Value {
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.iter_mut().find(|it| it["Sid"] == sid).unwrap()
}

/// The complaint about the template's text with one place replaced.
fn refusal(place: &str, by: &str) -> String {
    assert!(TEMPLATE.contains(place), "{place}");
    let changed = Template::parse(&TEMPLATE.replacen(place, by, 1)).unwrap();
    format!("{:#}", check(&changed).unwrap_err())
}

#[test]
fn the_template_in_the_repository_is_as_it_must_be() {
    check(&Template::parse(TEMPLATE).unwrap()).unwrap();
}

#[test]
fn the_right_to_everything_is_refused() {
    let complaint = complaint(|policy| {
        policy["Statement"].as_array_mut().unwrap().push(json!({
            "Sid": "Root",
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::222222222222:root" },
            "Action": "kms:*",
            "Resource": "*",
        }));
    });
    assert_eq!(complaint, "Root: an unknown statement, or one that is there twice");
}

#[test]
fn a_right_under_a_known_name_or_none_is_refused() {
    let allow = json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" });
    let unnamed = complaint(|policy| {
        policy["Statement"].as_array_mut().unwrap().push(allow.clone());
    });
    assert!(unnamed.starts_with("a statement has no name"));
    let mut twice = allow;
    twice["Sid"] = json!("Audit");
    let twice = complaint(|policy| policy["Statement"].as_array_mut().unwrap().push(twice));
    assert!(twice.starts_with("Audit: an unknown statement, or one that is there twice"));
}

#[test]
fn a_denied_action_that_is_dropped_is_refused() {
    for sid in ["NoOtherWayInOrOut", "NoAdministrationButBreakGlass"] {
        let count = statement(&mut running().policy(), sid)["Action"].as_array().unwrap().len();
        for at in 0..count {
            let complaint = complaint(|policy| {
                statement(policy, sid)["Action"].as_array_mut().unwrap().remove(at);
            });
            assert!(complaint.starts_with(&format!("{sid}: Action is ")), "{complaint}");
        }
    }
}

#[test]
fn a_wider_principal_is_refused() {
    for sid in ["DataKeysForTheImage", "BreakGlass", "Audit"] {
        let complaint = complaint(|policy| statement(policy, sid)["Principal"] = json!("*"));
        assert_eq!(complaint, format!("{sid}: Principal is \"*\""));
    }
}

#[test]
fn a_condition_that_is_dropped_is_refused() {
    for sid in ["DataKeysForTheImage", "NoOtherPcr1", "NoAdministrationButBreakGlass"] {
        let complaint = complaint(|policy| {
            statement(policy, sid).as_object_mut().unwrap().remove("Condition");
        });
        assert_eq!(complaint, format!("{sid}: Condition is missing"));
    }
}

#[test]
fn a_comparison_that_accepts_what_is_missing_is_refused() {
    let complaint = complaint(|policy| {
        let conditions = statement(policy, "DataKeysForTheImage")["Condition"].as_object_mut();
        let conditions = conditions.unwrap();
        let strict = conditions.remove("StringEqualsIgnoreCase").unwrap();
        conditions.insert("StringEqualsIgnoreCaseIfExists".to_owned(), strict);
    });
    assert!(complaint.starts_with("DataKeysForTheImage: Condition is "), "{complaint}");
}

#[test]
fn a_statement_that_is_dropped_is_refused() {
    for state in State::all() {
        let expected = state.policy();
        let statements = expected["Statement"].as_array().unwrap();
        for at in 0..statements.len() {
            let mut found = expected.clone();
            let dropped = found["Statement"].as_array_mut().unwrap().remove(at);
            let sid = dropped["Sid"].as_str().unwrap();
            assert_eq!(
                differences(&found, &expected),
                [format!("{sid}: the statement is missing")]
            );
        }
    }
}

/// Every place in a value, as JSON pointers.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                places(item, &format!("{here}/{at}"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{here}/{name}"), all);
            }
        }
        _ => {}
    }
}

#[test]
fn no_place_in_any_state_can_be_changed_added_to_or_removed() {
    let mut changes = 0;
    for state in State::all() {
        let expected = state.policy();
        let mut all = Vec::new();
        places(&expected, "", &mut all);
        for place in &all {
            for by in [json!("*"), json!(["*"]), json!({}), json!([]), json!(false), Value::Null] {
                let mut found = expected.clone();
                let part = found.pointer_mut(place).unwrap();
                if *part == by {
                    continue;
                }
                *part = by;
                assert!(!differences(&found, &expected).is_empty(), "{place}");
                changes += 1;
            }
            let mut found = expected.clone();
            match found.pointer_mut(place).unwrap() {
                Value::Array(items) => items.push(json!("kms:Decrypt")),
                Value::Object(members) => _ = members.insert("More".to_owned(), json!("x")),
                _ => continue,
            }
            assert!(!differences(&found, &expected).is_empty(), "{place}");
            let Some((parent, name)) = place.rsplit_once('/') else { continue };
            let mut found = expected.clone();
            match found.pointer_mut(parent).unwrap() {
                Value::Array(items) => _ = items.remove(name.parse().unwrap()),
                Value::Object(members) => _ = members.remove(name),
                _ => unreachable!("a place is in an array or an object"),
            }
            assert!(!differences(&found, &expected).is_empty(), "{place}");
            changes += 2;
        }
    }
    assert!(changes > 1000, "{changes}");
}

#[test]
fn statements_in_another_order_are_refused() {
    let expected = running().policy();
    let mut found = expected.clone();
    found["Statement"].as_array_mut().unwrap().swap(0, 1);
    assert_eq!(differences(&found, &expected), ["the statements are in another order"]);
}

#[test]
fn a_second_key_an_alias_or_another_resource_is_refused() {
    let alias = "Resources:\n  Alias: {Type: AWS::KMS::Alias, Properties: {AliasName: alias/x}}\n";
    assert!(refusal("Resources:\n", alias).contains("Resources: "));
}

#[test]
fn a_key_that_can_be_lost_or_copied_is_refused() {
    for (place, by) in [
        ("DeletionPolicy: Retain", "DeletionPolicy: Delete"),
        ("UpdateReplacePolicy: Retain", "UpdateReplacePolicy: Delete"),
        ("MultiRegion: false", "MultiRegion: true"),
        ("EnableKeyRotation: true", "EnableKeyRotation: false"),
        ("PendingWindowInDays: 30", "PendingWindowInDays: 7"),
    ] {
        assert!(refusal(place, by).contains("Resources: "), "{place}");
    }
}

#[test]
fn measurements_of_a_debug_enclave_are_not_taken() {
    assert!(refusal("|(?!0{96})[0-9a-f]{96}", "|[0-9a-f]{96}").contains("Pcr0: takes other"));
}

#[test]
fn a_condition_of_the_template_that_means_something_else_is_refused() {
    let of_another = "HasImage: !Not [!Equals [!Ref Pcr1, \"\"]]";
    // All three are given together in every state here, so only the states' names can tell.
    let always = "HasImage: !Equals [!Ref FreezePolicy, !Ref FreezePolicy]";
    let real = "HasImage: !Not [!Equals [!Ref Pcr0, \"\"]]";
    assert!(refusal(real, always).contains("NobodyBeforeTheFirstImage"));
    assert!(refusal(real, of_another).contains("condition HasImage"));
    let frozen = "IsFrozen: !Equals [!Ref FreezePolicy, \"for ever\"]";
    let never = "IsFrozen: !Equals [!Ref FreezePolicy, \"never\"]";
    assert!(refusal(frozen, never).contains("NeverAnotherPolicy"));
}

/// Lines that say nothing of what is allowed.
fn is_harmless(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || line.starts_with("Description:")
}

#[test]
fn no_line_of_the_resource_can_be_left_out() {
    let start = TEMPLATE.find("\nResources:").unwrap();
    let end = TEMPLATE.find("\nOutputs:").unwrap();
    let lines: Vec<_> = TEMPLATE.lines().collect();
    let first = TEMPLATE[..start + 1].lines().count();
    let last = TEMPLATE[..end + 1].lines().count();
    for left_out in (first..last).filter(|at| !is_harmless(lines[*at])) {
        let text: Vec<_> = lines
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != left_out)
            .map(|(_, line)| *line)
            .collect();
        // Either it is no template any more, or it is refused.
        let refused =
            Template::parse(&text.join("\n")).and_then(|template| check(&template)).is_err();
        assert!(refused, "line {}: {}", left_out + 1, lines[left_out]);
    }
}
