use super::stop::DataKeyQuery;
use super::{Core, lock};
use crate::Limits;
use crate::record::{self, DataKeyRecord};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use sharekeep_channel::record_seal::DataKey;
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, RecordQuery, Reply, Row, Write};
use sharekeep_schemas::{DataKeyNumber, TenantId};
use std::collections::HashMap;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Data keys held open at once.
const MAX_CACHED: usize = 4_096;

/// Opened data keys, for a limited time and number of uses. Named by what KMS wrapped: two keys
/// with the same number (made in a race, or by a function that lies) are never mixed up.
pub(super) struct DataKeyCache {
    keys: HashMap<Name, Cached>,
    lifetime_s: u64,
    uses: u32,
}

type Name = (TenantId, DataKeyNumber, [u8; 32]);

struct Cached {
    key: Arc<DataKey>,
    until: u64,
    uses_left: u32,
}

fn name(tenant: &TenantId, number: DataKeyNumber, wrapped: &[u8]) -> Name {
    (tenant.clone(), number, Sha256::digest(wrapped).into())
}

impl DataKeyCache {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            keys: HashMap::new(),
            lifetime_s: limits.data_key_lifetime.as_secs(),
            uses: limits.data_key_uses,
        }
    }

    pub(super) fn take(&mut self, query: &DataKeyQuery, now: u64) -> Option<Arc<DataKey>> {
        let name = name(&query.tenant, query.number, &query.wrapped);
        let cached = self.keys.get_mut(&name)?;
        if now > cached.until || cached.uses_left == 0 {
            self.keys.remove(&name);
            return None;
        }
        cached.uses_left -= 1;
        Some(cached.key.clone())
    }

    fn put(&mut self, query: &DataKeyQuery, secret: Zeroizing<[u8; 32]>, now: u64) {
        if self.keys.len() >= MAX_CACHED {
            self.keys.retain(|_, cached| now <= cached.until);
            if self.keys.len() >= MAX_CACHED
                && let Some(oldest) =
                    self.keys.iter().min_by_key(|(_, cached)| cached.until).map(|(name, _)| name)
            {
                let oldest = oldest.clone();
                self.keys.remove(&oldest);
            }
        }
        let id = record::data_key_id(&query.tenant, query.number);
        let cached = Cached {
            key: Arc::new(DataKey::new(id, secret)),
            until: now + self.lifetime_s,
            // A key without a single use would be asked for again and again.
            uses_left: self.uses.max(16),
        };
        self.keys.insert(name(&query.tenant, query.number, &query.wrapped), cached);
    }
}

impl Core {
    /// Takes over a data key that KMS opened.
    pub fn learn_data_key(&self, query: &DataKeyQuery, secret: Zeroizing<[u8; 32]>, now: u64) {
        let now = self.time_or_latest(now);
        lock(&self.data_keys).put(query, secret, now);
    }

    /// The reply that has first data keys committed. They are used only once they are read back:
    /// where another call was faster, its keys count.
    pub fn provision_data_keys(&self, made: Vec<(TenantId, Vec<u8>)>) -> Reply {
        let queries =
            made.iter().map(|(tenant, _)| RecordQuery::DataKeysOf(tenant.clone())).collect();
        let write = |(tenant, wrapped)| Write {
            key: RecordKey::DataKey { tenant, number: FIRST },
            condition: Condition::Absent,
            put: Some(Put {
                version: 1,
                bytes: ByteBuf::from(DataKeyRecord { wrapped }.encode()),
                row: Row::Empty,
                expires_at_unix_s: None,
            }),
        };
        Reply::Provision { writes: made.into_iter().map(write).collect(), queries }
    }
}

/// The number of a tenant's first data key.
pub(super) const FIRST: DataKeyNumber = DataKeyNumber(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> DataKeyQuery {
        DataKeyQuery { tenant: "shop".parse().unwrap(), number: FIRST, wrapped: vec![1, 2] }
    }

    #[test]
    fn a_data_key_is_forgotten_at_its_time() {
        let mut cache = DataKeyCache::new(&Limits::default());
        cache.put(&query(), Zeroizing::new([7; 32]), 1_000);
        assert!(cache.take(&query(), 1_300).is_some());
        assert!(cache.take(&query(), 1_301).is_none());
        assert!(cache.take(&query(), 1_000).is_none());
    }

    #[test]
    fn a_data_key_is_forgotten_after_its_uses() {
        let limits = Limits { data_key_uses: 16, ..Limits::default() };
        let mut cache = DataKeyCache::new(&limits);
        cache.put(&query(), Zeroizing::new([7; 32]), 0);
        assert_eq!((0..20).filter(|_| cache.take(&query(), 0).is_some()).count(), 16);
    }

    #[test]
    fn another_wrapped_key_of_the_same_number_is_another_key() {
        let mut cache = DataKeyCache::new(&Limits::default());
        cache.put(&query(), Zeroizing::new([7; 32]), 0);
        assert!(cache.take(&DataKeyQuery { wrapped: vec![1, 3], ..query() }, 0).is_none());
    }
}
