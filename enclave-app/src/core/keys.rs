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
///
/// A key that is no longer fresh is used on while KMS is asked for it again, so that no request
/// waits for KMS but the first, and none fails when KMS is away for a while. It is asked at the first
/// use after: a key that rested is used once more however long that was, up to its lifetime. What
/// KMS *refuses* to open again is forgotten at once.
pub(super) struct DataKeyCache {
    keys: HashMap<Name, Cached>,
    /// Those that KMS is to be asked for again.
    due: Vec<DataKeyQuery>,
    fresh_s: u64,
    lifetime_s: u64,
    uses: u32,
}

type Name = (TenantId, DataKeyNumber, [u8; 32]);

struct Cached {
    key: Arc<DataKey>,
    fresh_until: u64,
    until: u64,
    uses_left: u32,
    /// Somebody is asking KMS for it again.
    asked_again: bool,
}

impl Cached {
    fn usable(&self, now: u64) -> bool {
        now <= self.until && self.uses_left > 0
    }
}

fn name(query: &DataKeyQuery) -> Name {
    (query.tenant.clone(), query.number, Sha256::digest(&query.wrapped).into())
}

impl DataKeyCache {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            keys: HashMap::new(),
            due: Vec::new(),
            fresh_s: limits.data_key_fresh.as_secs(),
            lifetime_s: limits.data_key_lifetime.as_secs(),
            // A key without a single use would be asked for again and again.
            uses: limits.data_key_uses.max(16),
        }
    }

    pub(super) fn take(&mut self, query: &DataKeyQuery, now: u64) -> Option<Arc<DataKey>> {
        let name = name(query);
        let cached = self.keys.get_mut(&name)?;
        if !cached.usable(now) {
            self.keys.remove(&name);
            return None;
        }
        cached.uses_left -= 1;
        let worn = now > cached.fresh_until || cached.uses_left < self.uses / 2;
        if worn && !cached.asked_again {
            cached.asked_again = true;
            self.due.push(query.clone());
        }
        Some(cached.key.clone())
    }

    fn put(&mut self, query: &DataKeyQuery, secret: Zeroizing<[u8; 32]>, now: u64) {
        if self.keys.len() >= MAX_CACHED {
            self.keys.retain(|_, cached| cached.usable(now));
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
            fresh_until: now + self.fresh_s,
            until: now + self.lifetime_s,
            uses_left: self.uses,
            asked_again: false,
        };
        self.keys.insert(name(query), cached);
    }
}

impl Core {
    /// Takes over a data key that KMS opened.
    pub fn learn_data_key(&self, query: &DataKeyQuery, secret: Zeroizing<[u8; 32]>, now: u64) {
        let now = self.time_or_latest(now);
        lock(&self.data_keys).put(query, secret, now);
    }

    /// The data keys in use that KMS should be asked for again; each is named once until KMS has
    /// answered.
    pub fn worn_data_keys(&self) -> Vec<DataKeyQuery> {
        std::mem::take(&mut lock(&self.data_keys).due)
    }

    /// Whether a data key is still in use, so that it is worth asking KMS for it again.
    pub fn uses_data_key(&self, query: &DataKeyQuery, now: u64) -> bool {
        let now = self.time_or_latest(now);
        lock(&self.data_keys).keys.get(&name(query)).is_some_and(|cached| cached.usable(now))
    }

    /// Forgets a data key that KMS does not open for this image any more.
    pub fn forget_data_key(&self, query: &DataKeyQuery) {
        lock(&self.data_keys).keys.remove(&name(query));
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

    fn cache_with(limits: &Limits) -> DataKeyCache {
        let mut cache = DataKeyCache::new(limits);
        cache.put(&query(), Zeroizing::new([7; 32]), 1_000);
        cache
    }

    #[test]
    fn a_data_key_is_forgotten_at_its_time() {
        let mut cache = cache_with(&Limits::default());
        assert!(cache.take(&query(), 4_600).is_some());
        assert!(cache.take(&query(), 4_601).is_none());
        assert!(cache.take(&query(), 1_000).is_none());
    }

    #[test]
    fn a_data_key_is_forgotten_after_its_uses() {
        let mut cache = cache_with(&Limits { data_key_uses: 16, ..Limits::default() });
        assert_eq!((0..20).filter(|_| cache.take(&query(), 1_000).is_some()).count(), 16);
    }

    #[test]
    fn a_data_key_that_is_not_fresh_is_used_on_and_asked_for_again_once() {
        let mut cache = cache_with(&Limits::default());
        assert!(cache.take(&query(), 1_300).is_some());
        assert!(cache.due.is_empty());
        assert!(cache.take(&query(), 1_301).is_some());
        assert!(cache.take(&query(), 1_302).is_some());
        assert_eq!(cache.due, [query()]);
        cache.due.clear();
        cache.put(&query(), Zeroizing::new([7; 32]), 1_302);
        assert!(cache.take(&query(), 1_602).is_some());
        assert!(cache.due.is_empty());
    }

    #[test]
    fn a_data_key_half_of_whose_uses_are_over_is_asked_for_again() {
        let mut cache = cache_with(&Limits { data_key_uses: 16, ..Limits::default() });
        for _ in 0..8 {
            cache.take(&query(), 1_000).unwrap();
        }
        assert!(cache.due.is_empty());
        cache.take(&query(), 1_000).unwrap();
        assert_eq!(cache.due, [query()]);
    }

    #[test]
    fn another_wrapped_key_of_the_same_number_is_another_key() {
        let mut cache = cache_with(&Limits::default());
        assert!(cache.take(&DataKeyQuery { wrapped: vec![1, 3], ..query() }, 1_000).is_none());
    }
}
