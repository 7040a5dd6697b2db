use super::stop::Stop;
use super::{Request, lock};
use sha2::{Digest, Sha256};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::tenant::TenantDocument;
use sharekeep_schemas::{ProblemCode, TenantId};
use std::collections::HashMap;
use std::sync::Arc;

/// Most documents that are not checked again.
const MAX_CHECKED: usize = 1_024;

/// The last document of each tenant that passed, by the digest of all its bytes, signature included:
/// the same bytes pass again. Whether it is the newest is asked each time.
#[derive(Default)]
pub(super) struct CheckedDocuments(HashMap<TenantId, ([u8; 32], Arc<TenantDocument>)>);

impl Request<'_> {
    /// What the operator says about a tenant: signed by the measured key, and not older than what
    /// this life has seen.
    pub(super) fn tenant(&self, tenant: &TenantId) -> Result<Arc<TenantDocument>, Stop> {
        let unknown = ProblemCode::TenantUnknown;
        let bytes = self.records.one(&RecordKey::Tenant(tenant.clone()))?.ok_or(unknown)?;
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let checked = lock(&self.core.tenants).0.get(tenant).cloned();
        let document = match checked {
            Some((known, document)) if known == digest => document,
            _ => {
                let document = Arc::new(self.checked(tenant, bytes)?);
                let mut tenants = lock(&self.core.tenants);
                if tenants.0.len() >= MAX_CHECKED {
                    tenants.0.clear();
                }
                tenants.0.insert(tenant.clone(), (digest, document.clone()));
                document
            }
        };
        if !lock(&self.core.memory).accept_serial(tenant, document.serial) {
            return Err(unknown.into());
        }
        Ok(document)
    }

    fn checked(&self, tenant: &TenantId, bytes: &[u8]) -> Result<TenantDocument, Stop> {
        let unknown = ProblemCode::TenantUnknown;
        let document =
            sharekeep_trust::verify(self.core.trust.operator_key(), bytes).map_err(|_| unknown)?;
        if document.tenant == *tenant { Ok(document) } else { Err(unknown.into()) }
    }

    /// Refuses a request that was signed for another host: what a client signed for one deployment
    /// is worth nothing at another.
    pub(super) fn check_authority(&self, tenant: &TenantDocument) -> Result<(), Stop> {
        let known = tenant.origins.iter().any(|o| o.eq_ignore_ascii_case(&self.http.authority));
        if known { Ok(()) } else { Err(ProblemCode::AuthorityMismatch.into()) }
    }
}
