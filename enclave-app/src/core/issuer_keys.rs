use super::stop::{Refusal, Stop, Wish};
use super::token::KeySet;
use super::{Core, lock};
use sharekeep_schemas::ProblemCode;
use std::collections::HashMap;
use std::sync::Arc;

/// How long a fetched set is used before it is fetched again, in seconds.
const FRESH_S: u64 = 600;
/// How long a set is still used when it cannot be fetched again, in seconds.
const USABLE_S: u64 = 3_600;
/// How often an unknown key id may cause a fetch, in seconds: an outsider can invent key ids.
const UNKNOWN_KEY_PAUSE_S: u64 = 30;
/// How soon a failed fetch is tried again, in seconds.
const FAILURE_PAUSE_S: u64 = 5;
/// Sets held; only operator-signed documents name them.
const MAX_SETS: usize = 1_024;

/// Whose keys to fetch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IssuerKeyQuery {
    /// `https://…`, from a document that the operator signed.
    pub uri: String,
    /// Authorities to trust for it instead of the public ones.
    pub authorities_pem: Option<String>,
}

#[derive(Default)]
pub(super) struct IssuerKeyCache {
    sets: HashMap<IssuerKeyQuery, Cached>,
}

#[derive(Default)]
struct Cached {
    set: Option<Arc<KeySet>>,
    fetched_at: u64,
    tried_at: u64,
}

/// Why the keys are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A token came in.
    Token,
    /// The token names a key that the set does not have.
    UnknownKey,
}

impl IssuerKeyCache {
    fn get(&self, query: &IssuerKeyQuery, reason: Reason, now: u64) -> Result<Arc<KeySet>, Stop> {
        let wish = || Stop::Wish(Wish::FetchIssuerKeys(query.clone()));
        let Some(cached) = self.sets.get(query) else { return Err(wish()) };
        let since_try = now.saturating_sub(cached.tried_at);
        let age = now.saturating_sub(cached.fetched_at);
        match &cached.set {
            Some(set) if age < FRESH_S && reason == Reason::Token => Ok(set.clone()),
            Some(_) if reason == Reason::UnknownKey => {
                if since_try >= UNKNOWN_KEY_PAUSE_S {
                    Err(wish())
                } else {
                    Err(ProblemCode::TokenKeyUnknown.into())
                }
            }
            Some(set) if since_try < FAILURE_PAUSE_S && age < USABLE_S => Ok(set.clone()),
            _ if since_try >= FAILURE_PAUSE_S => Err(wish()),
            _ => Err(Refusal::later(ProblemCode::IssuerUnavailable, 5).into()),
        }
    }
}

impl Core {
    pub(super) fn issuer_keys(
        &self,
        query: &IssuerKeyQuery,
        reason: Reason,
        now: u64,
    ) -> Result<Arc<KeySet>, Stop> {
        lock(&self.issuer_keys).get(query, reason, now)
    }

    /// When a set was last tried to be fetched: calls that wished for it at the same time share one
    /// fetch.
    pub fn issuer_keys_tried_at(&self, query: &IssuerKeyQuery) -> Option<u64> {
        lock(&self.issuer_keys).sets.get(query).map(|cached| cached.tried_at)
    }

    /// Takes over a fetched JWK set, or notes that it could not be fetched.
    pub fn learn_issuer_keys(&self, query: &IssuerKeyQuery, json: Option<&[u8]>, now: u64) {
        let now = self.time_or_latest(now);
        let mut cache = lock(&self.issuer_keys);
        if cache.sets.len() >= MAX_SETS && !cache.sets.contains_key(query) {
            cache.sets.retain(|_, cached| now.saturating_sub(cached.tried_at) < FRESH_S);
        }
        let cached = cache.sets.entry(query.clone()).or_default();
        cached.tried_at = now;
        if let Some(set) = json.and_then(KeySet::parse) {
            cached.set = Some(Arc::new(set));
            cached.fetched_at = now;
        }
    }
}
