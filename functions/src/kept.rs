//! Records that hardly ever change and that every request needs, kept for a moment: tenant
//! documents, wrapped data keys, the deployment's keys. All are public, signed, wrapped or sealed,
//! and the enclave checks them each time, so an old copy can make a refusal wrong and nothing else;
//! [`exchange`](crate::exchange) looks again before it believes such a refusal.

use crate::error::Result;
use crate::store::Store;
use sharekeep_schemas::enclave::{LoadedRecord, RecordKey, RecordQuery, StoredRecord};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long they are kept, in seconds.
const KEPT_S: u64 = 10;
/// Most answers kept at once.
const MAX_KEPT: usize = 2_048;

/// What was found lately, by query, with the time until which it is kept.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<RecordQuery, (u64, Vec<StoredRecord>)>>);

impl Kept {
    /// What is kept of a query.
    pub(crate) fn get(&self, query: &RecordQuery, now_unix_s: u64) -> Option<Vec<StoredRecord>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(query).filter(|(until, _)| *until > now_unix_s).map(|(_, found)| found.clone())
    }

    /// Loads from the store, and keeps what may be kept.
    pub(crate) async fn load(
        &self,
        store: &Store,
        queries: &[RecordQuery],
        now_unix_s: u64,
    ) -> Result<Vec<LoadedRecord>> {
        let loaded = store.load_all(queries, now_unix_s).await?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for LoadedRecord { query, found } in loaded.iter().filter(|loaded| keeps(loaded)) {
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            kept.insert(query.clone(), (now_unix_s + KEPT_S, found.clone()));
        }
        Ok(loaded)
    }
}

/// That there is none is never kept: it is about to change.
fn keeps(loaded: &LoadedRecord) -> bool {
    let slow = matches!(
        loaded.query,
        RecordQuery::One(RecordKey::Tenant(_) | RecordKey::DeploymentKeys)
            | RecordQuery::DataKeysOf(_)
    );
    slow && !loaded.found.is_empty()
}
