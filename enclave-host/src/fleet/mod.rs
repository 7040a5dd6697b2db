//! Tells functions in the table `fleet` that the enclave is there, how busy it is, and when it is
//! about to leave.

mod health;
mod table;

pub use table::{DynamoFleet, FleetTable};

use sharekeep_schemas::EnclaveKeyId;
use sharekeep_schemas::enclave::EnclaveHealth;
use sharekeep_schemas::fleet::{BEAT_EVERY, EnclaveAddress, FleetPartition, FleetRow, KEPT_FOR};
use sharekeep_vsock::Address;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How often the enclave is asked how it is: one that was started anew is found after that.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long an enclave that leaves stays after that was written: twice what readers keep, and some
/// seconds for guesses at passcodes that were begun before and are finished by a second request.
const NOTICED_AFTER: Duration = KEPT_FOR.saturating_mul(2).saturating_add(Duration::from_secs(4));
/// An enclave that leaves and says so often nothing has nothing left to end. One that is only busy
/// answers before.
const SILENCES: u32 = 5;
/// For the last row to be deleted.
const DELETE_PATIENCE: Duration = Duration::from_secs(5);

/// Keeps the row of one enclave.
pub struct Registration<T> {
    table: T,
    enclave: Address,
    advertise: EnclaveAddress,
    written: Option<Written>,
    registered: watch::Sender<Option<EnclaveKeyId>>,
}

/// The row that stands.
struct Written {
    key: EnclaveKeyId,
    draining: bool,
    at: Instant,
}

impl<T: FleetTable> Registration<T> {
    /// Of the enclave that serves here, and that functions reach there.
    pub fn new(table: T, enclave: Address, advertise: EnclaveAddress) -> Self {
        let (registered, _) = watch::channel(None);
        Self { table, enclave, advertise, written: None, registered }
    }

    /// The key under which the enclave stands in the table, as that changes.
    pub fn registered(&self) -> watch::Receiver<Option<EnclaveKeyId>> {
        self.registered.subscribe()
    }

    /// Says that the enclave lives for as long as it answers. When `leave` resolves it says that it
    /// takes nothing new, waits until functions know and the running ceremonies have ended, at most
    /// for as long as `leave` gives it, which may be not at all, and takes the row away.
    pub async fn serve(mut self, leave: impl Future<Output = Duration>) {
        let mut leave = pin!(leave);
        let patience = loop {
            self.say(false).await;
            tokio::select! {
                patience = &mut leave => break patience,
                () = sleep(LOOK_EVERY) => {}
            }
        };
        if !patience.is_zero() && timeout(patience, self.drain()).await.is_err() {
            tracing::warn!("the enclave leaves before its ceremonies have ended");
        }
        if let Some(written) = self.written.take() {
            // At worst the row dies by itself.
            let _ = timeout(DELETE_PATIENCE, self.delete(written.key)).await;
        }
    }

    /// Returns when nobody needs the enclave any more, or it is gone.
    async fn drain(&mut self) {
        let (mut noticed_at, mut silences) = (None, 0);
        while silences < SILENCES {
            let health = self.say(true).await;
            silences = if health.is_some() { 0 } else { silences + 1 };
            if self.written.as_ref().is_some_and(|written| written.draining) {
                let noticed_at = *noticed_at.get_or_insert_with(|| Instant::now() + NOTICED_AFTER);
                let idle = health.is_some_and(|health| health.ceremonies == 0);
                if noticed_at <= Instant::now() && idle {
                    return;
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Asks the enclave how it is and writes it down if that is due. Of one that does not answer
    /// nothing is written: its row dies.
    async fn say(&mut self, draining: bool) -> Option<EnclaveHealth> {
        let health = health::ask(&self.enclave).await?;
        let key = health.enclave_key;
        let stands = self.written.as_ref().is_some_and(|written| {
            written.key == key && written.draining == draining && written.at.elapsed() < BEAT_EVERY
        });
        if stands {
            return Some(health);
        }
        if let Err(error) = self.table.put(self.row(&health, draining)).await {
            tracing::warn!(%error, "no heartbeat");
            return Some(health);
        }
        let before = self.written.replace(Written { key, draining, at: Instant::now() });
        // The enclave was started anew: nobody holds the old key any more.
        if let Some(old) = before.map(|written| written.key).filter(|old| *old != key) {
            self.delete(old).await;
        }
        self.registered.send_if_modified(|registered| registered.replace(key) != Some(key));
        Some(health)
    }

    fn row(&self, health: &EnclaveHealth, draining: bool) -> FleetRow {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let heartbeat_unix_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        FleetRow {
            partition: FleetPartition::Enclave,
            enclave_key: health.enclave_key,
            address: self.advertise,
            ceremonies: health.ceremonies,
            queued_steps: health.queued_steps,
            draining,
            heartbeat_unix_ms,
            expires_at_unix_s: FleetRow::expiry(heartbeat_unix_ms),
        }
    }

    async fn delete(&self, key: EnclaveKeyId) {
        if let Err(error) = self.table.delete(key).await {
            tracing::warn!(%error, "a row is left to die");
        }
    }
}
