use crate::error::{Error, Result};
use crate::state::State;
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::tenant::{MAX_DOCUMENT_BYTES, SignedTenantDocument, TenantDocument};
use sharekeep_schemas::{ProblemCode, TenantId, codec};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long terms are kept before the document is looked at again, in seconds.
const KEPT_S: u64 = 10;
/// Most tenants kept at once.
const MAX_KEPT: usize = 1_024;

/// What a function reads in a tenant's document. The operator's signature is not checked here: an
/// edited document makes cheap refusals wrong and nothing else, because the enclave checks it.
pub(crate) struct TenantTerms {
    origins: Vec<String>,
    pub(crate) requests_per_minute: u32,
}

impl TenantTerms {
    fn allow(&self, authority: &str) -> bool {
        self.origins.iter().any(|origin| origin.eq_ignore_ascii_case(authority))
    }
}

/// The terms of tenants seen lately.
#[derive(Default)]
pub(crate) struct TenantCache {
    kept: Mutex<HashMap<TenantId, (u64, Arc<TenantTerms>)>>,
}

impl TenantCache {
    /// The terms of a tenant whose origins include `authority`; refused otherwise.
    pub(super) async fn terms_for(
        &self,
        state: &State,
        tenant: &TenantId,
        authority: &str,
    ) -> Result<Arc<TenantTerms>> {
        let now = state.clock.now_unix_s();
        // A host that kept terms do not know may be in a newer document.
        if let Some(terms) = self.get(tenant, now).filter(|terms| terms.allow(authority)) {
            return Ok(terms);
        }
        let terms = Arc::new(load(state, tenant, now).await?);
        self.keep(tenant, now, &terms);
        if terms.allow(authority) {
            Ok(terms)
        } else {
            Err(Error::refused(ProblemCode::AuthorityMismatch))
        }
    }

    fn get(&self, tenant: &TenantId, now: u64) -> Option<Arc<TenantTerms>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(tenant).filter(|(until, _)| *until > now).map(|(_, terms)| terms.clone())
    }

    fn keep(&self, tenant: &TenantId, now: u64, terms: &Arc<TenantTerms>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(tenant.clone(), (now + KEPT_S, terms.clone()));
    }
}

async fn load(state: &State, tenant: &TenantId, now: u64) -> Result<TenantTerms> {
    const UNKNOWN: Error = Error::refused(ProblemCode::TenantUnknown);
    let record = state.store.record(RecordKey::Tenant(tenant.clone()), now).await?;
    let bytes = record.ok_or(UNKNOWN)?.bytes;
    let signed: SignedTenantDocument =
        codec::decode(&bytes, MAX_DOCUMENT_BYTES).map_err(|_| UNKNOWN)?;
    let document: TenantDocument =
        codec::decode(&signed.document, MAX_DOCUMENT_BYTES).map_err(|_| UNKNOWN)?;
    Ok(TenantTerms { origins: document.origins, requests_per_minute: document.requests_per_minute })
}
