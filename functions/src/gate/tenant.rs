use crate::error::{Error, Result};
use crate::state::State;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, StoredRecord};
use sharekeep_schemas::tenant::{MAX_DOCUMENT_BYTES, SignedTenantDocument, TenantDocument};
use sharekeep_schemas::{ProblemCode, TenantId, codec};

/// What a function reads in a tenant's document. The operator's signature is not checked here: an
/// edited document makes cheap refusals wrong and nothing else, because the enclave checks it.
pub(super) struct TenantTerms {
    origins: Vec<String>,
    pub(super) requests_per_minute: u32,
}

impl TenantTerms {
    fn allow(&self, authority: &str) -> bool {
        self.origins.iter().any(|origin| origin.eq_ignore_ascii_case(authority))
    }
}

/// The terms of a tenant whose origins include `authority`; refused otherwise.
pub(super) async fn terms_for(
    state: &State,
    tenant: &TenantId,
    authority: &str,
) -> Result<TenantTerms> {
    let now = state.clock.now_unix_s();
    let query = RecordQuery::One(RecordKey::Tenant(tenant.clone()));
    // A host that kept terms do not know may be in a newer document.
    if let Some(kept) = state.kept.get(&query, now)
        && let Ok(terms) = read(&kept)
        && terms.allow(authority)
    {
        return Ok(terms);
    }
    let loaded = state.kept.load(&state.store, &[query], now).await?;
    let terms = read(loaded.first().map_or(&[], |loaded| &loaded.found))?;
    if terms.allow(authority) {
        Ok(terms)
    } else {
        Err(Error::refused(ProblemCode::AuthorityMismatch))
    }
}

fn read(found: &[StoredRecord]) -> Result<TenantTerms> {
    const UNKNOWN: Error = Error::refused(ProblemCode::TenantUnknown);
    let record = found.first().ok_or(UNKNOWN)?;
    let signed: SignedTenantDocument =
        codec::decode(&record.bytes, MAX_DOCUMENT_BYTES).map_err(|_| UNKNOWN)?;
    let document: TenantDocument =
        codec::decode(&signed.document, MAX_DOCUMENT_BYTES).map_err(|_| UNKNOWN)?;
    Ok(TenantTerms { origins: document.origins, requests_per_minute: document.requests_per_minute })
}
