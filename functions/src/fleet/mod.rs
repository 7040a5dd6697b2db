//! Which enclave a request goes to, by what their hosts say in the table `fleet`.
//!
//! What is sealed to an enclave's key goes to its holder: no other could open it. Only who has no key
//! yet, and asks for an attestation, goes to any: there load is spread.
//!
//! A row that lies, or a host, sends requests to somebody who cannot read them. That one can refuse
//! service, and write what the module `author` leaves to the requests that it gets.

mod clients;

use crate::clock::Clock;
use crate::enclave_client::EnclaveClient;
use crate::error::{Error, Result};
use crate::store::Store;
use clients::Clients;
use rand_core::{OsRng, RngCore};
use sharekeep_schemas::fleet::{EnclaveAddress, FleetRow, KEPT_FOR};
use sharekeep_schemas::{EnclaveKeyId, ProblemCode};
use sharekeep_steps::DurableStep;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most rows kept at once: more than a fleet has enclaves.
const MAX_KEPT: usize = 256;
const NONE_LIVES: Error = Error::EnclaveUnavailable(std::borrow::Cow::Borrowed("none is there"));

/// The living enclaves.
pub struct Fleet {
    store: Store,
    clock: Arc<dyn Clock>,
    clients: Clients,
    /// By key, with the time until which they are kept.
    kept: Mutex<HashMap<EnclaveKeyId, (u64, FleetRow)>>,
}

/// Whether an enclave that is about to leave takes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// Not this: it would begin something in the enclave's memory that takes further requests.
    New,
    /// What was begun, and what is over with its answer.
    Begun,
}

impl Work {
    /// Of a request whose writes are this step.
    pub(crate) fn of(step: DurableStep) -> Self {
        match step {
            DurableStep::CreateWallet | DurableStep::StartCeremony | DurableStep::StartGuess => {
                Self::New
            }
            _ => Self::Begun,
        }
    }
}

impl Fleet {
    /// Of the deployment whose tables these are. The clock is compared with the hosts'.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, clients: Clients::default(), kept: Mutex::default() }
    }

    /// The enclave that holds this key; `enclave_key_unknown` when none does that lives, or when it
    /// leaves and this is new work: then the caller attests another.
    pub(crate) async fn holder_of(
        &self,
        key: EnclaveKeyId,
        work: Work,
    ) -> Result<Arc<EnclaveClient>> {
        let row = match self.kept(key) {
            Some(row) => row,
            None => self.look_up(key).await?,
        };
        if row.draining && work == Work::New {
            return Err(Error::refused(ProblemCode::EnclaveKeyUnknown));
        }
        Ok(self.clients.at(row.address))
    }

    /// An enclave that takes new work: the less busy of two (power of two choices), so that not
    /// everybody runs to the one that was idle a moment ago.
    ///
    /// Asks the store each time: clients come here rarely, some of them just sent away by an enclave
    /// that leaves.
    pub(crate) async fn any(&self) -> Result<Arc<EnclaveClient>> {
        let mut staying = self.living().await?;
        staying.retain(|row| !row.draining);
        // With none that was reached lately, one that was not is better than nobody.
        if staying.iter().any(|row| !self.clients.rests(row.address)) {
            staying.retain(|row| !self.clients.rests(row.address));
        }
        let (first, second) = two_of(staying.len()).ok_or(NONE_LIVES)?;
        let (first, second) = (&staying[first], &staying[second]);
        let row = if second.load() < first.load() { second } else { first };
        Ok(self.clients.at(row.address))
    }

    /// All enclaves that live, also those about to leave.
    pub(crate) async fn living(&self) -> Result<Vec<FleetRow>> {
        self.store.enclaves_alive(self.clock.now_unix_ms()).await
    }

    /// The client of an enclave that was found.
    pub(crate) fn client(&self, row: &FleetRow) -> Arc<EnclaveClient> {
        self.clients.at(row.address)
    }

    /// Remembers for a while that an enclave could not be reached: its host may be gone, and its row
    /// lives on for half a minute.
    pub(crate) fn unreachable(&self, address: EnclaveAddress) {
        self.clients.rest(address);
    }

    fn kept(&self, key: EnclaveKeyId) -> Option<FleetRow> {
        let now = self.clock.now_unix_ms();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, row) = kept.get(&key)?;
        (*until > now && row.is_alive(now)).then(|| row.clone())
    }

    async fn look_up(&self, key: EnclaveKeyId) -> Result<FleetRow> {
        let now = self.clock.now_unix_ms();
        let row = self
            .store
            .enclave(key)
            .await?
            .filter(|row| row.is_alive(now))
            .ok_or(Error::refused(ProblemCode::EnclaveKeyUnknown))?;
        let until = now.saturating_add(u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, (until, row.clone()));
        Ok(row)
    }
}

/// Two different indexes below a length, or the only one twice; none of nothing.
fn two_of(length: usize) -> Option<(usize, usize)> {
    let below = |bound: usize| {
        // The bias is below 2^-50 for any length there is.
        let random = OsRng.next_u64() % u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(random).unwrap_or(0)
    };
    match length {
        0 => None,
        1 => Some((0, 0)),
        _ => {
            let first = below(length);
            let other = below(length - 1);
            Some((first, if other < first { other } else { other + 1 }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn two_are_chosen_of_all_and_never_one_twice() {
        assert_eq!(two_of(0), None);
        assert_eq!(two_of(1), Some((0, 0)));
        let seen: BTreeSet<_> = (0..2_000).filter_map(|_| two_of(4)).collect();
        assert_eq!(seen.len(), 12);
        assert!(seen.iter().all(|(a, b)| a != b && *a < 4 && *b < 4));
    }
}
