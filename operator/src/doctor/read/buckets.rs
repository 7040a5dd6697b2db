use super::{code_of, why};
use crate::doctor::{BucketSeen, Lock, Seen};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectLockRetentionMode, ServerSideEncryption};

/// `None` if no bucket was named.
pub(super) async fn read(client: &Client, name: Option<&str>) -> Option<Seen<BucketSeen>> {
    Some(bucket(client, name?).await)
}

async fn bucket(client: &Client, name: &str) -> Seen<BucketSeen> {
    let (lock, versioning, access, encryption) = tokio::join!(
        client.get_object_lock_configuration().bucket(name).send(),
        client.get_bucket_versioning().bucket(name).send(),
        client.get_public_access_block().bucket(name).send(),
        client.get_bucket_encryption().bucket(name).send(),
    );
    let lock = match lock {
        Ok(answer) => answer
            .object_lock_configuration
            .and_then(|it| it.rule)
            .and_then(|rule| rule.default_retention)
            .map(|it| Lock {
                compliance: it.mode == Some(ObjectLockRetentionMode::Compliance),
                days: days(it.days, it.years),
            }),
        Err(error) if code_of(&error) == Some("ObjectLockConfigurationNotFoundError") => None,
        Err(error) => return Err(why("its lock", &error)),
    };
    let versioning = versioning.map_err(|error| why("its versioning", &error))?;
    let public_access_blocked = match access {
        Ok(answer) => answer.public_access_block_configuration.is_some_and(|it| {
            let all = [
                it.block_public_acls,
                it.block_public_policy,
                it.ignore_public_acls,
                it.restrict_public_buckets,
            ];
            all == [Some(true); 4]
        }),
        Err(error) if code_of(&error) == Some("NoSuchPublicAccessBlockConfiguration") => false,
        Err(error) => return Err(why("its public access", &error)),
    };
    let encryption = encryption.map_err(|error| why("its encryption", &error))?;
    let rules = encryption.server_side_encryption_configuration;
    let rule = rules.as_ref().and_then(|it| it.rules().first());
    let default = rule.and_then(|rule| rule.apply_server_side_encryption_by_default());
    Ok(BucketSeen {
        lock,
        versioned: versioning.status == Some(BucketVersioningStatus::Enabled),
        public_access_blocked,
        encrypted_by_kms: default
            .is_some_and(|it| *it.sse_algorithm() == ServerSideEncryption::AwsKms),
    })
}

/// A retention is given in days or in years.
fn days(days: Option<i32>, years: Option<i32>) -> u32 {
    let number = |it: Option<i32>| it.and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
    number(days).saturating_add(number(years).saturating_mul(365))
}
