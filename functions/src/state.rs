use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::enclave_client::EnclaveDirectory;
use crate::gate::BusyBuckets;
use crate::health::ReadinessCache;
use crate::kept::Kept;
use crate::store::Store;
use std::sync::Arc;

/// What every handler uses. Cheap to clone; nothing in it belongs to one request.
#[derive(Clone)]
pub struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) enclaves: Arc<dyn EnclaveDirectory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) kept: Arc<Kept>,
    pub(crate) busy_buckets: Arc<BusyBuckets>,
    pub(crate) readiness: Arc<ReadinessCache>,
}

impl State {
    /// By the machine's clock.
    pub fn new(config: Config, store: Store, enclaves: Arc<dyn EnclaveDirectory>) -> Self {
        Self::with_clock(config, store, enclaves, Arc::new(SystemClock))
    }

    /// By another clock: for tests.
    pub fn with_clock(
        config: Config,
        store: Store,
        enclaves: Arc<dyn EnclaveDirectory>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            config: Arc::new(config),
            store,
            enclaves,
            clock,
            kept: Arc::default(),
            busy_buckets: Arc::default(),
            readiness: Arc::default(),
        }
    }
}
