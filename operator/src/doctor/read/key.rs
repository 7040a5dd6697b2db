use super::why;
use crate::doctor::{KeySeen, Seen};
use aws_sdk_kms::Client;
use serde_json::Value;

/// Largest policy that KMS takes, in bytes.
const MAX_POLICY_BYTES: usize = 32 * 1024;

pub(super) async fn read(client: &Client, arn: &str) -> Seen<KeySeen> {
    let described = client.describe_key().key_id(arn).send().await;
    let described = described.map_err(|error| why("the key", &error))?;
    let metadata = described.key_metadata.ok_or("the key cannot be read: not an answer")?;
    let (policy, rotates, grants) =
        tokio::join!(policy(client, arn), rotates(client, arn), grants(client, arn));
    Ok(KeySeen {
        arn: metadata.arn.unwrap_or_default(),
        state: metadata.key_state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        multi_region: metadata.multi_region.unwrap_or_default(),
        rotates,
        policy,
        grants,
    })
}

async fn policy(client: &Client, arn: &str) -> Seen<Value> {
    let answer = client.get_key_policy().key_id(arn).policy_name("default").send().await;
    let text = answer.map_err(|error| why("the policy", &error))?.policy.unwrap_or_default();
    if text.len() > MAX_POLICY_BYTES {
        return Err("the policy cannot be read: it is too large".to_owned());
    }
    serde_json::from_str(&text).map_err(|_| "the policy cannot be read: it is no JSON".to_owned())
}

async fn rotates(client: &Client, arn: &str) -> Seen<bool> {
    let answer = client.get_key_rotation_status().key_id(arn).send().await;
    answer.map(|answer| answer.key_rotation_enabled).map_err(|error| why("the rotation", &error))
}

/// One page is enough: there must be none.
async fn grants(client: &Client, arn: &str) -> Seen<usize> {
    let answer = client.list_grants().key_id(arn).send().await;
    answer.map(|answer| answer.grants().len()).map_err(|error| why("the grants", &error))
}
