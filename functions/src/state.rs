use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::fleet::Fleet;
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
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) kept: Arc<Kept>,
    pub(crate) busy_buckets: Arc<BusyBuckets>,
    pub(crate) readiness: Arc<ReadinessCache>,
}

impl State {
    /// By the machine's clock.
    pub fn new(config: Config, store: Store) -> Self {
        let clock = Arc::new(SystemClock);
        let fleet = Fleet::new(store.clone(), clock.clone());
        Self::with(config, store, fleet, clock)
    }

    /// With a fleet of its own and by another clock: for tests.
    pub fn with(config: Config, store: Store, fleet: Fleet, clock: Arc<dyn Clock>) -> Self {
        Self {
            config: Arc::new(config),
            store,
            fleet: Arc::new(fleet),
            clock,
            kept: Arc::default(),
            busy_buckets: Arc::default(),
            readiness: Arc::default(),
        }
    }
}
