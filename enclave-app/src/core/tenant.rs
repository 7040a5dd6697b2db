use super::stop::Stop;
use super::{Request, lock};
use ed25519_dalek::Signature;
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::tenant::{
    MAX_DOCUMENT_BYTES, SIGNATURE_LABEL, SignedTenantDocument, TenantDocument,
};
use sharekeep_schemas::{ProblemCode, TenantId, codec};

impl Request<'_> {
    /// What the operator says about a tenant: signed by the measured key, and not older than what
    /// this life has seen.
    pub(super) fn tenant(&self, tenant: &TenantId) -> Result<TenantDocument, Stop> {
        let unknown = ProblemCode::TenantUnknown;
        let bytes = self.records.one(&RecordKey::Tenant(tenant.clone()))?.ok_or(unknown)?;
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
        if !lock(&self.core.memory).accept_serial(tenant, document.serial) {
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
