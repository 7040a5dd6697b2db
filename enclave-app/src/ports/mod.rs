//! What the enclave needs from outside, as small traits: each has one real implementation here and
//! at most one twin for tests.

mod clock;
mod credentials;
mod egress;
mod entropy;
mod issuer_keys;
mod kms;
mod nsm;

pub use clock::{Clock, SystemClock};
pub use credentials::{CredentialSource, CredentialsFromHost, KmsCredentials};
#[cfg(fuzzing)]
pub use egress::fuzzed_answer;
pub use egress::{Egress, EgressProxy};
pub use entropy::{Draw, Entropy, KernelEntropy};
pub use issuer_keys::{IssuerKeySource, IssuerKeysOverEgress};
pub use kms::{KeyContext, Kms, WrappedDataKey};
pub use nsm::{NitroNsm, Nsm};
pub use sharekeep_vsock::{Address, Stream};

use std::{future::Future, pin::Pin, sync::Arc};

/// A boxed future, so that ports can be trait objects.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything an enclave is connected to.
pub struct Ports {
    /// The Nitro security module.
    pub nsm: Arc<dyn Nsm>,
    /// The key service.
    pub kms: Arc<dyn Kms>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Identity providers' keys.
    pub issuer_keys: Arc<dyn IssuerKeySource>,
}
