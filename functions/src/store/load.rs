use super::item::{Item, is_over, primary_key, row_of, sealed_of};
use super::owned::Owned;
use super::tables::SESSIONS_BY_USER;
use super::{Store, fault_of, number, number_of, text, text_of};
use crate::error::{Error, Result};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use sharekeep_schemas::enclave::{LoadedRecord, RecordKey, RecordQuery, Row, StoredRecord};
use sharekeep_schemas::{DataKeyNumber, SessionKeyId, TenantId, UserId};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Most data keys of a tenant handed over: one a rotation, so decades.
const MAX_DATA_KEYS: i32 = 64;
/// Most sessions of a user handed over. The enclave keeps at most ten; racing openings may leave a
/// few more for a moment, and the next opening must see them to remove them.
const MAX_SESSIONS: i32 = 32;
/// How often keys that a throttled batch left over are asked for again.
const BATCH_ATTEMPTS: u32 = 4;
/// Pause before the second attempt; doubled for each further one.
const BATCH_PAUSE: Duration = Duration::from_millis(25);

/// A record's routing copy.
pub struct FoundRow {
    /// The copy.
    pub row: Row,
    /// When the store may drop it, in seconds since 1970.
    pub expires_at_unix_s: Option<u64>,
}

impl Store {
    /// Loads what an enclave needs, all at once. Records that are over are not found.
    pub async fn load_all(
        &self,
        queries: &[RecordQuery],
        now_unix_s: u64,
    ) -> Result<Vec<LoadedRecord>> {
        let mut ones = Vec::new();
        let mut others = Vec::new();
        for query in queries {
            match query {
                RecordQuery::One(key) => ones.push(key.clone()),
                other => others.push(other.clone()),
            }
        }
        let lists = async {
            let mut loaded = Vec::with_capacity(others.len());
            for query in others {
                let found = match &query {
                    RecordQuery::DataKeysOf(tenant) => self.data_keys_of(tenant).await?,
                    RecordQuery::SessionsOf(user) => {
                        self.session_records_of(user, now_unix_s).await?
                    }
                    RecordQuery::WalletsOf(user) => {
                        self.records_of(Owned::Wallets, user, now_unix_s).await?
                    }
                    RecordQuery::BackupsOf(user) => {
                        self.records_of(Owned::Backups, user, now_unix_s).await?
                    }
                    RecordQuery::FactorsOf(user) => {
                        self.records_of(Owned::Factors, user, now_unix_s).await?
                    }
                    RecordQuery::DevicesOf(user) => {
                        self.records_of(Owned::Devices, user, now_unix_s).await?
                    }
                    RecordQuery::One(_) => continue,
                };
                loaded.push(LoadedRecord { query, found });
            }
            Ok(loaded)
        };
        let (mut loaded, lists) = tokio::try_join!(self.records(ones, now_unix_s), lists)?;
        loaded.extend(lists);
        Ok(loaded)
    }

    /// A record's routing copy, also of one that is over.
    pub async fn row(&self, key: &RecordKey) -> Result<Option<FoundRow>> {
        let answer = self
            .client
            .get_item()
            .table_name(self.table(key.table()))
            .set_key(Some(primary_key(key)))
            .consistent_read(true)
            .projection_expression("#row, expires_at")
            .expression_attribute_names("#row", "row")
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        answer
            .item
            .map(|item| {
                let expires_at_unix_s = number_of(&item, "expires_at");
                Ok(FoundRow { row: row_of(&item)?, expires_at_unix_s })
            })
            .transpose()
    }

    /// A session's routing copy and record, also of one that is over.
    pub(crate) async fn session(&self, id: SessionKeyId) -> Result<Option<(Row, StoredRecord)>> {
        let key = RecordKey::Session(id);
        let item = self.item(&key).await?;
        item.map(|item| Ok((row_of(&item)?, StoredRecord { key, bytes: sealed_of(&item)? })))
            .transpose()
    }

    /// A record's whole item, also of one that is over.
    pub(super) async fn item(&self, key: &RecordKey) -> Result<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(self.table(key.table()))
            .set_key(Some(primary_key(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        Ok(answer.item)
    }

    async fn records(&self, keys: Vec<RecordKey>, now_unix_s: u64) -> Result<Vec<LoadedRecord>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.batch(&keys).await?;
        keys.into_iter()
            .map(|key| {
                let place = (self.table(key.table()), key.partition(), key.sort());
                let item = items.get(&place).filter(|item| !is_over(item, now_unix_s));
                let found = item
                    .map(|item| {
                        sealed_of(item).map(|bytes| StoredRecord { key: key.clone(), bytes })
                    })
                    .transpose()?;
                Ok(LoadedRecord {
                    query: RecordQuery::One(key),
                    found: found.into_iter().collect(),
                })
            })
            .collect()
    }

    /// Items by table, partition and sort key.
    async fn batch(&self, keys: &[RecordKey]) -> Result<BTreeMap<(String, String, String), Item>> {
        let mut wanted: HashMap<String, Vec<Item>> = HashMap::new();
        for key in keys {
            let of_table = wanted.entry(self.table(key.table())).or_default();
            let primary = primary_key(key);
            // DynamoDB refuses a batch that names a key twice.
            if !of_table.contains(&primary) {
                of_table.push(primary);
            }
        }
        let mut left = wanted
            .into_iter()
            .map(|(table, keys)| {
                let keys = KeysAndAttributes::builder()
                    .set_keys(Some(keys))
                    .consistent_read(true)
                    .build()
                    .map_err(|_| Error::Internal("batch definition"))?;
                Ok((table, keys))
            })
            .collect::<Result<HashMap<_, _>>>()?;
        let mut found = BTreeMap::new();
        let mut pause = BATCH_PAUSE;
        for attempt in 0..BATCH_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(left))
                .send()
                .await
                .map_err(|error| fault_of(&error))?;
            for (table, items) in answer.responses.unwrap_or_default() {
                for item in items {
                    let place = match (text_of(&item, "pk"), text_of(&item, "sk")) {
                        (Some(pk), Some(sk)) => (table.clone(), pk.to_owned(), sk.to_owned()),
                        _ => return Err(Error::StoreBroken("an item without its key".into())),
                    };
                    found.insert(place, item);
                }
            }
            left = answer.unprocessed_keys.unwrap_or_default();
            if left.is_empty() {
                return Ok(found);
            }
        }
        Err(Error::StoreUnavailable("a batch stays unprocessed".into()))
    }

    async fn data_keys_of(&self, tenant: &TenantId) -> Result<Vec<StoredRecord>> {
        let answer = self
            .client
            .query()
            .table_name(self.table("data_keys"))
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(tenant.as_str()))
            // Newest first: where there are ever too many, the oldest are left out.
            .scan_index_forward(false)
            .limit(MAX_DATA_KEYS)
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        let mut keys = Vec::new();
        for item in answer.items() {
            let number = text_of(item, "sk")
                .and_then(|sk| sk.parse().ok())
                .ok_or(Error::StoreBroken("a data key without its number".into()))?;
            let key = RecordKey::DataKey { tenant: tenant.clone(), number: DataKeyNumber(number) };
            keys.push(StoredRecord { key, bytes: sealed_of(item)? });
        }
        keys.reverse();
        Ok(keys)
    }

    async fn session_records_of(&self, user: &UserId, now: u64) -> Result<Vec<StoredRecord>> {
        let mut records = Vec::new();
        for item in self.session_items_of(user, now).await? {
            let id: SessionKeyId = text_of(&item, "pk")
                .and_then(|pk| pk.strip_prefix("session#"))
                .and_then(|id| id.parse().ok())
                .ok_or(Error::StoreBroken("a session without its id".into()))?;
            records.push(StoredRecord { key: RecordKey::Session(id), bytes: sealed_of(&item)? });
        }
        Ok(records)
    }

    /// Sessions of a user that are not over.
    pub(super) async fn session_items_of(&self, user: &UserId, now: u64) -> Result<Vec<Item>> {
        let answer = self
            .client
            .query()
            .table_name(self.table("sessions"))
            .index_name(SESSIONS_BY_USER)
            .key_condition_expression("#user = :user AND expires_at > :now")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":user", text(user.to_string()))
            .expression_attribute_values(":now", number(now))
            .limit(MAX_SESSIONS)
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        Ok(answer.items.unwrap_or_default())
    }
}
