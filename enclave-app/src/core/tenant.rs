use super::stop::Stop;
use super::{Request, lock};
use ed25519_dalek::Signature;
use sha2::{Digest, Sha256};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::tenant::{
    MAX_DOCUMENT_BYTES, SIGNATURE_LABEL, SignedTenantDocument, TenantDocument,
};
use sharekeep_schemas::{ProblemCode, TenantId, codec};
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
        let signed: SignedTenantDocument =
            codec::decode(bytes, MAX_DOCUMENT_BYTES).map_err(|_| unknown)?;
        let signature = Signature::from_slice(&signed.signature).map_err(|_| unknown)?;
        let message = [SIGNATURE_LABEL, &signed.document].concat();
        self.core.trust.operator_key.verify_strict(&message, &signature).map_err(|_| unknown)?;
        let document: TenantDocument =
            codec::decode(&signed.document, MAX_DOCUMENT_BYTES).map_err(|_| unknown)?;
        if document.version != 1 || document.tenant != *tenant {
            return Err(unknown.into());
        }
        Ok(document)
    }

    /// Refuses a request that was signed for another host: what a client signed for one deployment
    /// is worth nothing at another.
    pub(super) fn check_authority(&self, tenant: &TenantDocument) -> Result<(), Stop> {
        let known = tenant.origins.iter().any(|o| o.eq_ignore_ascii_case(&self.http.authority));
        if known { Ok(()) } else { Err(ProblemCode::AuthorityMismatch.into()) }
    }
}
