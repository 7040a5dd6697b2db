use super::{code_of, why};
use crate::doctor::{HostSeen, Seen, TableSeen};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, BillingMode, PointInTimeRecoveryStatus, SseStatus, SseType, StreamViewType,
    TableStatus, TimeToLiveStatus,
};
use sharekeep_functions::store::Store;
use sharekeep_schemas::fleet;
use std::collections::{BTreeMap, HashMap};
use tokio::task::JoinSet;

/// Most hosts that are looked at.
const MAX_HOSTS: i32 = 256;

pub(super) async fn read(store: &Store) -> BTreeMap<String, Seen<Option<TableSeen>>> {
    let mut reading = JoinSet::new();
    let (names, archived) = (store.table_names(), store.archived_table_names());
    for name in names.iter().cloned() {
        let client = store.client().clone();
        let archived = archived.contains(&name);
        reading.spawn(async move {
            let seen = table(&client, &name, archived).await;
            (name, seen)
        });
    }
    let mut seen: BTreeMap<_, _> =
        names.into_iter().map(|name| (name, Err("it was not read".to_owned()))).collect();
    while let Some(Ok((name, table))) = reading.join_next().await {
        seen.insert(name, table);
    }
    seen
}

async fn table(client: &Client, name: &str, archived: bool) -> Seen<Option<TableSeen>> {
    let described = match client.describe_table().table_name(name).send().await {
        Ok(answer) => answer.table.ok_or("it cannot be read: not an answer")?,
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => return Ok(None),
        Err(error) => return Err(why("it", &error)),
    };
    let (lives, backups) = tokio::join!(
        client.describe_time_to_live().table_name(name).send(),
        client.describe_continuous_backups().table_name(name).send(),
    );
    let lives = lives.map_err(|error| why("its TTL", &error))?.time_to_live_description;
    let lives = lives.filter(|it| {
        let status = it.time_to_live_status();
        matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    let backups = backups.map_err(|error| why("its point-in-time recovery", &error))?;
    let recovery = backups
        .continuous_backups_description
        .and_then(|it| it.point_in_time_recovery_description)
        .filter(|it| {
            it.point_in_time_recovery_status() == Some(&PointInTimeRecoveryStatus::Enabled)
        });
    let stream = described.stream_specification().filter(|stream| stream.stream_enabled());
    let billing = described.billing_mode_summary().and_then(|it| it.billing_mode());
    let sse = described.sse_description();
    Ok(Some(TableSeen {
        active: matches!(
            described.table_status(),
            Some(TableStatus::Active | TableStatus::Updating)
        ),
        on_demand: billing == Some(&BillingMode::PayPerRequest),
        deletion_protected: described.deletion_protection_enabled() == Some(true),
        time_to_live: lives.and_then(|it| it.attribute_name),
        archived,
        streams_both_images: stream
            .and_then(|stream| stream.stream_view_type())
            .is_some_and(|view| *view == StreamViewType::NewAndOldImages),
        encrypted_by_kms: sse.is_some_and(|sse| {
            sse.sse_type() == Some(&SseType::Kms)
                && matches!(sse.status(), Some(SseStatus::Enabled | SseStatus::Updating))
        }),
        // AWS says nothing of the period where it is the longest.
        restorable_days: recovery.map(|it| {
            it.recovery_period_in_days().and_then(|days| u32::try_from(days).ok()).unwrap_or(35)
        }),
    }))
}

pub(super) async fn hosts(store: &Store) -> Seen<Vec<HostSeen>> {
    let answer = store
        .client()
        .query()
        .table_name(store.fleet_table())
        .key_condition_expression("pk = :enclave")
        .expression_attribute_values(":enclave", AttributeValue::S(fleet::PARTITION.to_owned()))
        .consistent_read(true)
        .limit(MAX_HOSTS)
        .send()
        .await
        .map_err(|error| why("the fleet", &error))?;
    answer
        .items()
        .iter()
        .map(|item| {
            host(item).ok_or_else(|| "the fleet cannot be read: a malformed row".to_owned())
        })
        .collect()
}

fn host(item: &HashMap<String, AttributeValue>) -> Option<HostSeen> {
    let number = |name: &str| item.get(name)?.as_n().ok()?.parse().ok();
    Some(HostSeen {
        enclave: item.get("sk")?.as_s().ok()?.clone(),
        heartbeat_unix_ms: number(fleet::HEARTBEAT)?,
        draining: *item.get("draining")?.as_bool().ok()?,
        expires_at_unix_s: number("expires_at")?,
    })
}
