use super::{Expected, Seen};
use serde_json::Value;
use sharekeep::terminal::Findings;
use sharekeep::terminal::Health::{Bad, Good, Warning};
use sharekeep_key_policy::{differences, normalized};

/// The key as KMS describes it.
#[derive(Clone, Debug)]
pub struct KeySeen {
    /// Its ARN, as KMS gives it.
    pub arn: String,
    /// `Enabled`, or what else it is.
    pub state: String,
    /// Whether it can be copied into other regions.
    pub multi_region: bool,
    /// Whether KMS makes new key material every year.
    pub rotates: Seen<bool>,
    /// Its policy.
    pub policy: Seen<Value>,
    /// How many grants there are.
    pub grants: Seen<usize>,
}

const KEY: &str = "key";
const POLICY: &str = "key policy";
const ROTATION: &str = "key rotation";
const GRANTS: &str = "key grants";

pub(super) fn examine(expected: &Expected, seen: &Seen<KeySeen>, found: &mut Findings) {
    let key = match seen {
        Ok(key) => key,
        Err(why) => {
            return found.add(KEY, Bad, format!("{why}: look as the audit role (--key-profile)"));
        }
    };
    if key.arn != expected.key_arn {
        let detail = format!("KMS answers with {} instead: the image accepts no other", key.arn);
        return found.add(KEY, Bad, detail);
    }
    check_state(key, found);
    check_policy(expected, key, found);
    match &key.rotates {
        Ok(true) => found.add(ROTATION, Good, "every year, by KMS; old data keys still open"),
        Ok(false) => {
            let detail = "off: the break-glass role turns it on (kms:EnableKeyRotation)";
            found.add(ROTATION, Warning, detail);
        }
        Err(why) => found.add(ROTATION, Warning, why),
    }
    match &key.grants {
        Ok(0) => found.add(GRANTS, Good, "none"),
        Ok(some) => {
            let detail = format!(
                "{some}: a grant gives rights past the policy, and the policy forbids to make one; \
                 revoke them, and find out who made them"
            );
            found.add(GRANTS, Bad, detail);
        }
        Err(why) => found.add(GRANTS, Bad, why),
    }
}

fn check_state(key: &KeySeen, found: &mut Findings) {
    match key.state.as_str() {
        "Enabled" if key.multi_region => {
            let detail = "a key of several regions: copies have policies of their own";
            found.add(KEY, Bad, detail);
        }
        "Enabled" => found.add(KEY, Good, "enabled"),
        "Disabled" => {
            let detail = "disabled: no wallet opens once the cached data keys are over; the \
                          break-glass role enables it";
            found.add(KEY, Bad, detail);
        }
        "PendingDeletion" => {
            let detail = "it will be deleted, and every wallet with it: the break-glass role cancels \
                          that (kms:CancelKeyDeletion), then enables it";
            found.add(KEY, Bad, detail);
        }
        other => found.add(KEY, Bad, format!("in the state {other}: it cannot be used")),
    }
}

fn check_policy(expected: &Expected, key: &KeySeen, found: &mut Findings) {
    let policy = match &key.policy {
        Ok(policy) => policy,
        Err(why) => return found.add(POLICY, Bad, why),
    };
    // KMS may write a list of one without its brackets; what the policy says is the same.
    let wanted = normalized(&expected.policy.to_json());
    let faults = differences(&normalized(policy), &wanted);
    for fault in &faults {
        let detail = format!(
            "{fault}: find out who changed it, then deploy key.yaml again as the break-glass role"
        );
        found.add(POLICY, Bad, detail);
    }
    if !faults.is_empty() {
        return;
    }
    match (&expected.policy.image, &expected.policy.next_image) {
        (None, _) => {
            let detail = "of the bootstrap: no image can use the key yet";
            found.add(POLICY, Warning, detail);
        }
        (Some(_), Some(_)) => {
            let detail = "as it must be; two images can use the key: once the last old host has gone, \
                          deploy key.yaml with the new measurements alone";
            found.add(POLICY, Warning, detail);
        }
        (Some(_), None) => found.add(POLICY, Good, "word for word as it must be, for this image"),
    }
}
