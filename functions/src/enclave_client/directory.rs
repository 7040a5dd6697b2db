use super::EnclaveClient;
use crate::error::{Error, Result};
use sharekeep_schemas::{EnclaveKeyId, ProblemCode};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

/// An enclave, looked up.
pub type Found<'d> = Pin<Box<dyn Future<Output = Result<Arc<EnclaveClient>>> + Send + 'd>>;

/// Which enclave holds which key.
pub trait EnclaveDirectory: Send + Sync {
    /// The enclave that holds this key; `enclave_key_unknown` when none does.
    fn holder_of(&self, key: EnclaveKeyId) -> Found<'_>;

    /// Any enclave that takes new work.
    fn any(&self) -> Found<'_>;
}

/// A deployment with one enclave.
pub struct OneEnclave {
    client: Arc<EnclaveClient>,
    /// The key it said it holds. It has a new one after each restart.
    known: RwLock<Option<EnclaveKeyId>>,
}

impl OneEnclave {
    /// Does not ask the enclave yet.
    pub fn new(client: EnclaveClient) -> Self {
        Self { client: Arc::new(client), known: RwLock::new(None) }
    }

    fn known(&self) -> Option<EnclaveKeyId> {
        *self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EnclaveDirectory for OneEnclave {
    fn holder_of(&self, key: EnclaveKeyId) -> Found<'_> {
        Box::pin(async move {
            if self.known() != Some(key) {
                let held = self.client.health().await?.enclave_key;
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
                if held != key {
                    return Err(Error::refused(ProblemCode::EnclaveKeyUnknown));
                }
            }
            Ok(self.client.clone())
        })
    }

    fn any(&self) -> Found<'_> {
        Box::pin(async move { Ok(self.client.clone()) })
    }
}
