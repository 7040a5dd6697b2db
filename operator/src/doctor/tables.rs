use super::Seen;
use sharekeep::terminal::Findings;
use sharekeep::terminal::Health::{Bad, Good};
use std::collections::BTreeMap;

/// A table's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSeen {
    /// Whether it can be used now.
    pub active: bool,
    /// Whether it is paid by request, and so has no limit of its own.
    pub on_demand: bool,
    /// Whether it cannot be deleted by mistake.
    pub deletion_protected: bool,
    /// The attribute after which items are removed.
    pub time_to_live: Option<String>,
    /// Whether its changes must reach the bucket of records.
    pub archived: bool,
    /// Whether changes are streamed with the item as it was and as it is: the archive takes no other.
    pub streams_both_images: bool,
    /// Whether it is encrypted under a key in KMS.
    pub encrypted_by_kms: bool,
    /// How far back it can be restored, in days; none if it cannot be.
    pub restorable_days: Option<u32>,
}

/// The attribute that all tables use.
const TIME_TO_LIVE: &str = "expires_at";

pub(super) fn examine(seen: &BTreeMap<String, Seen<Option<TableSeen>>>, found: &mut Findings) {
    let mut sound = 0;
    for (name, table) in seen {
        let faults = match table {
            Ok(Some(table)) => faults_of(table),
            Ok(None) => vec!["it is missing: check --table-prefix, or deploy storage.yaml"],
            Err(why) => {
                found.add(format!("table {name}"), Bad, why);
                continue;
            }
        };
        sound += usize::from(faults.is_empty());
        for fault in faults {
            found.add(format!("table {name}"), Bad, fault);
        }
    }
    if sound > 0 {
        found.add("tables", Good, format!("{sound} of {} are as they must be", seen.len()));
    }
}

fn faults_of(table: &TableSeen) -> Vec<&'static str> {
    let time_to_live = table.time_to_live.as_deref() == Some(TIME_TO_LIVE);
    [
        (table.active, "it is not active: wait, and look again"),
        (table.on_demand, "it has a fixed capacity: deploy storage.yaml again (PAY_PER_REQUEST)"),
        (table.deletion_protected, "it can be deleted: turn its deletion protection on"),
        (time_to_live, "items that are over stay for ever: turn TTL on expires_at on"),
        (
            !table.archived || table.streams_both_images,
            "its changes do not reach the bucket of records: turn its stream on (NEW_AND_OLD_IMAGES)",
        ),
        (table.encrypted_by_kms, "it is not encrypted under a KMS key: deploy storage.yaml again"),
        (
            table.restorable_days.is_some(),
            "it cannot be restored: turn point-in-time recovery on; what was lost before stays lost",
        ),
    ]
    .into_iter()
    .filter_map(|(sound, fault)| (!sound).then_some(fault))
    .collect()
}
