//! The key, its policy, and who may use it.

use super::*;

#[test]
fn an_extra_statement_in_the_policy_is_named() {
    let found = change_key(|key| {
        let policy = key.policy.as_mut().unwrap();
        policy["Statement"].as_array_mut().unwrap().push(json!({
            "Sid": "Root",
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::222222222222:root" },
            "Action": "kms:*",
            "Resource": "*",
        }));
    });
    assert_complaint(found, "key policy", Bad, "Root: an unknown statement");
}

#[test]
fn a_dropped_statement_another_image_and_another_role_are_named() {
    let dropped = change_key(|key| {
        key.policy.as_mut().unwrap()["Statement"].as_array_mut().unwrap().pop();
    });
    assert_complaint(dropped, "key policy", Bad, "Audit: the statement is missing");
    let other = |change: fn(&mut KeyPolicy)| {
        let mut policy = expected().policy;
        change(&mut policy);
        let mut seen = deployment();
        seen.key.as_mut().unwrap().policy = Ok(policy.to_json());
        complaints(&expected(), &seen)
    };
    let image = other(|policy| policy.image = Some(hex(measured(9))));
    assert_eq!(image.len(), 4, "the allowing statement and three denials: {image:?}");
    let role = other(|policy| policy.host_role = "arn:aws:iam::333333333333:role/x".to_owned());
    assert_complaint(role[0].clone(), "key policy", Bad, "DataKeysForTheImage: Principal");
}

#[test]
fn a_policy_that_kms_wrote_in_its_own_way_is_the_same() {
    let mut seen = deployment();
    let policy = seen.key.as_mut().unwrap().policy.as_mut().unwrap();
    policy["Statement"].as_array_mut().unwrap().reverse();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        if let Some([one]) = statement["Action"].as_array().map(Vec::as_slice) {
            statement["Action"] = one.clone();
        }
    }
    assert_eq!(complaints(&expected(), &seen), []);
}

#[test]
fn a_key_that_is_disabled_dying_copied_or_another_one_is_found() {
    for (state, part) in [
        ("Disabled", "disabled"),
        ("PendingDeletion", "will be deleted"),
        ("Unavailable", "cannot be used"),
        ("", "cannot be used"),
    ] {
        let found = change_key(|key| key.state = state.to_owned());
        assert_complaint(found, "key", Bad, part);
    }
    assert_complaint(change_key(|key| key.multi_region = true), "key", Bad, "several regions");
    let other = change_key(|key| key.arn = ARN.replace("1234", "5678"));
    assert_complaint(other, "key", Bad, "5678 instead");
}

#[test]
fn grants_and_missing_rotation_are_found() {
    assert_complaint(change_key(|key| key.grants = Ok(1)), "key grants", Bad, "revoke");
    let grants = change_key(|key| key.grants = Err("denied".to_owned()));
    assert_complaint(grants, "key grants", Bad, "denied");
    let rotation = change_key(|key| key.rotates = Ok(false));
    assert_complaint(rotation, "key rotation", Warning, "off");
}

#[test]
fn a_policy_of_the_bootstrap_and_one_for_two_images_are_pointed_out() {
    let mut bootstrap = expected();
    bootstrap.policy.image = None;
    let mut seen = deployment();
    seen.key.as_mut().unwrap().policy = Ok(bootstrap.policy.to_json());
    let found = complaints(&bootstrap, &seen).remove(0);
    assert_complaint(found, "key policy", Warning, "bootstrap");

    let mut seen = deployment();
    seen.key.as_mut().unwrap().policy = Ok(rolling_over().policy.to_json());
    let found = complaints(&rolling_over(), &seen).remove(0);
    assert_complaint(found, "key policy", Warning, "two images");
}
