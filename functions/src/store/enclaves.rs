use super::item::{Item, is_known};
use super::{Store, fault_of, number, text};
use crate::error::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use sharekeep_schemas::EnclaveKeyId;
use sharekeep_schemas::fleet::{self, ALIVE_FOR, FleetRow};

/// Most enclaves that are seen: more than a fleet has.
const MAX_ENCLAVES: usize = 256;
/// Most answers of the store that are read for them, each of at most 1 MB with some thousand rows.
const MAX_PAGES: usize = 4;

impl Store {
    /// The full name of the table in which hosts say that their enclaves live.
    pub fn fleet_table(&self) -> String {
        self.table(fleet::TABLE)
    }

    /// What is said of the enclave with this key, dead or alive. A row that does not parse is none.
    pub(crate) async fn enclave(&self, key: EnclaveKeyId) -> Result<Option<FleetRow>> {
        let answer = self
            .client
            .get_item()
            .table_name(self.fleet_table())
            .key("pk", text(fleet::PARTITION))
            .key("sk", text(key.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        Ok(answer.item.and_then(parsed))
    }

    /// The enclaves that live, at most 256. Rows that do not parse are left out.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`](crate::Error::StoreUnavailable).
    pub async fn enclaves_alive(&self, now_unix_ms: u64) -> Result<Vec<FleetRow>> {
        let alive_for = u64::try_from(ALIVE_FOR.as_millis()).unwrap_or(u64::MAX);
        let mut alive = Vec::new();
        let mut start = None;
        for _ in 0..MAX_PAGES {
            let answer = self
                .client
                .query()
                .table_name(self.fleet_table())
                .consistent_read(true)
                .key_condition_expression("pk = :enclave")
                .filter_expression("#heartbeat BETWEEN :from AND :until")
                .expression_attribute_names("#heartbeat", fleet::HEARTBEAT)
                .expression_attribute_values(":enclave", text(fleet::PARTITION))
                .expression_attribute_values(":from", number(now_unix_ms.saturating_sub(alive_for)))
                .expression_attribute_values(
                    ":until",
                    number(now_unix_ms.saturating_add(alive_for)),
                )
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| fault_of(&error))?;
            start = answer.last_evaluated_key;
            for item in answer.items.into_iter().flatten() {
                alive.extend(parsed(item).filter(|row| row.is_alive(now_unix_ms)));
                if alive.len() == MAX_ENCLAVES {
                    return Ok(alive);
                }
            }
            if start.is_none() {
                break;
            }
        }
        Ok(alive)
    }
}

fn parsed(item: Item) -> Option<FleetRow> {
    // The conversion panics on a type that this SDK does not know.
    let row = item.values().all(is_known).then(|| {
        serde_dynamo::from_attribute_value::<AttributeValue, FleetRow>(AttributeValue::M(item)).ok()
    });
    if row.as_ref().is_none_or(Option::is_none) {
        tracing::warn!("a row of the fleet does not parse");
    }
    row.flatten()
}
