//! Compares the key's template with the policy that it must have, statement by statement.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sharekeep_key_policy::differences;

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

#[cfg(test)]
mod tests;
