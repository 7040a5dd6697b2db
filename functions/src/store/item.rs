//! How a record is laid out in an item: `pk`, `sk`, `version`, `bytes`, `row`, and where they
//! apply `expires_at` (TTL) and `user` (index of sessions).

use crate::error::{Error, Result};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_bytes::ByteBuf;
use sharekeep_schemas::enclave::{Put, RecordKey, Row};
use std::collections::HashMap;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// A text attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(crate) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A binary attribute.
pub(crate) fn blob(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value.into()))
}

/// Reads a text attribute.
pub(crate) fn text_of<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// Reads a number attribute.
pub(crate) fn number_of(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// Reads a binary attribute.
pub(crate) fn bytes_of<'i>(item: &'i Item, name: &str) -> Option<&'i [u8]> {
    item.get(name)?.as_b().ok().map(Blob::as_ref)
}

/// The primary key of a record.
pub(super) fn primary_key(key: &RecordKey) -> Item {
    Item::from([("pk".into(), text(key.partition())), ("sk".into(), text(key.sort()))])
}

/// The whole item of a record.
pub(super) fn item_of(key: &RecordKey, put: &Put) -> Result<Item> {
    let mut item = primary_key(key);
    item.insert("version".into(), number(put.version));
    item.insert("bytes".into(), blob(put.bytes.to_vec()));
    let row: AttributeValue = serde_dynamo::to_attribute_value(&put.row)
        .map_err(|_| Error::Internal("a row cannot be stored"))?;
    item.insert("row".into(), row);
    if let Some(expires_at) = put.expires_at_unix_s {
        item.insert("expires_at".into(), number(expires_at));
    }
    if let Row::Session(session) = &put.row {
        item.insert("user".into(), text(session.user.to_string()));
    }
    Ok(item)
}

/// The sealed bytes of an item.
pub(super) fn sealed_of(item: &Item) -> Result<ByteBuf> {
    bytes_of(item, "bytes")
        .map(ByteBuf::from)
        .ok_or(Error::StoreBroken("a record without bytes".into()))
}

/// The routing copy in an item.
pub(super) fn row_of(item: &Item) -> Result<Row> {
    let row =
        item.get("row").cloned().ok_or(Error::StoreBroken("a record without a row".into()))?;
    // The conversion panics on a type that this SDK does not know.
    if !is_known(&row) {
        return Err(Error::StoreBroken("a row of unknown types".into()));
    }
    serde_dynamo::from_attribute_value(row)
        .map_err(|_| Error::StoreBroken("a row that does not parse".into()))
}

pub(super) fn is_known(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::M(map) => map.values().all(is_known),
        AttributeValue::L(list) => list.iter().all(is_known),
        other => !other.is_unknown(),
    }
}

/// Whether the record's time is over. TTL removes such items hours or days later, so readers must
/// not see them before.
pub(super) fn is_over(item: &Item, now_unix_s: u64) -> bool {
    number_of(item, "expires_at").is_some_and(|expires_at| expires_at <= now_unix_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_schemas::enclave::{
        BackupRow, CeremonyRow, DeviceRow, EventRow, FactorRow, SessionRow, WalletRow,
    };
    use sharekeep_schemas::*;

    fn device(name: Option<String>, revoked_at_unix_s: Option<u64>) -> Row {
        Row::Device(DeviceRow {
            device: DeviceId::new([3; 16]),
            name,
            identity_key: ByteBuf::from(vec![11; 32]),
            registered_at_unix_s: 12,
            revoked_at_unix_s,
        })
    }

    fn rows() -> Vec<Row> {
        vec![
            Row::Empty,
            Row::Session(SessionRow {
                session: SessionKeyId::new([1; 32]),
                tenant: "demo".parse().unwrap(),
                user: UserId::new([2; 32]),
                device: DeviceId::new([3; 16]),
                public_key: SessionPublicKey {
                    algorithm: SessionKeyAlgorithm::Ed25519,
                    key: vec![4; 32],
                },
                scopes: vec![Scope::Read, Scope::Sign],
                created_at_unix_s: 1,
                expires_at_unix_s: u64::MAX,
            }),
            Row::Wallet(WalletRow {
                wallet: WalletId::new([5; 16]),
                scheme: Scheme::EcdsaSecp256k1,
                protocol: Protocol::Cggmp24,
                public_key: ByteBuf::from(vec![6; 33]),
                threshold: 2,
                parties: 2,
                epoch: 7,
                status: WalletStatus::Active,
                created_at_unix_s: 8,
            }),
            Row::Ceremony(CeremonyRow {
                ceremony: CeremonyId::new([9; 16]),
                user: UserId::new([2; 32]),
                enclave_key: EnclaveKeyId::new([10; 32]),
                kind: CeremonyKind::Sign,
                state: CeremonyState::Running,
                wallet: None,
                expires_at_unix_s: 11,
            }),
            Row::Backup(BackupRow {
                wallet: WalletId::new([5; 16]),
                epoch: 1,
                generation: 2,
                version: u64::MAX,
                size: 3,
                stored_at_unix_s: 4,
            }),
            Row::Factor(FactorRow {
                factor: FactorId::new([12; 16]),
                kind: FactorKind::CloudFile,
                added_at_unix_s: 5,
            }),
            device(Some("Grüße".into()), Some(13)),
            device(None, None),
            Row::Event(EventRow {
                event: EventId::new([14; 16]),
                kind: EventKind::PasscodeDestroyed,
                device: DeviceId::new([3; 16]),
                at_unix_s: 15,
            }),
        ]
    }

    #[test]
    fn every_row_reads_back_as_it_was_written() {
        let key = RecordKey::DeploymentKeys;
        for row in rows() {
            let put = Put {
                version: 3,
                bytes: ByteBuf::from(vec![0, 255]),
                row: row.clone(),
                expires_at_unix_s: Some(5),
            };
            let item = item_of(&key, &put).unwrap();
            assert_eq!(row_of(&item).unwrap(), row);
            assert_eq!(sealed_of(&item).unwrap(), put.bytes);
            assert!(is_over(&item, 5) && !is_over(&item, 4));
        }
    }
}
