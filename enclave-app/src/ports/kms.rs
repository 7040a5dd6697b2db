use super::Later;
use crate::Error;
use sharekeep_schemas::TenantId;
use zeroize::Zeroizing;

/// What a data key is bound to in KMS (its encryption context), beside service and deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyContext {
    /// Whose data the key protects.
    pub tenant: TenantId,
    /// What kind of key it is.
    pub purpose: &'static str,
}

impl KeyContext {
    /// The context of a tenant's data keys.
    pub fn data_key(tenant: TenantId) -> Self {
        Self { tenant, purpose: "records" }
    }
}

/// A new data key with what KMS wants back to open it again.
pub struct WrappedDataKey {
    /// The key.
    pub key: Zeroizing<[u8; 32]>,
    /// Only KMS can open it, and only for an allowed image under the same context.
    pub wrapped: Vec<u8>,
}

/// The key service, with the one key of the trust configuration.
pub trait Kms: Send + Sync {
    /// Makes a data key.
    ///
    /// # Errors
    /// [`Error::KmsUnavailable`], [`Error::KmsDenied`].
    fn generate<'a>(&'a self, context: &'a KeyContext) -> Later<'a, Result<WrappedDataKey, Error>>;

    /// Opens a wrapped data key.
    ///
    /// # Errors
    /// [`Error::KmsUnavailable`], [`Error::KmsDenied`], [`Error::KmsRefused`] for bytes that are not
    /// a data key under this context.
    fn open<'a>(
        &'a self,
        context: &'a KeyContext,
        wrapped: &'a [u8],
    ) -> Later<'a, Result<Zeroizing<[u8; 32]>, Error>>;
}
