use crate::enclave_client::EnclaveClient;
use sharekeep_schemas::fleet::EnclaveAddress;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most addresses that are remembered: more than a fleet has hosts, and a table full of rows that
/// lie must not fill the memory.
const MAX_ADDRESSES: usize = 256;
/// How long an enclave that could not be reached is passed over.
const REST: Duration = Duration::from_secs(10);

/// Clients by address, each with its open connections.
#[derive(Default)]
pub(super) struct Clients(Mutex<HashMap<EnclaveAddress, Known>>);

struct Known {
    client: Arc<EnclaveClient>,
    rests_until: Option<Instant>,
}

impl Clients {
    pub(super) fn at(&self, address: EnclaveAddress) -> Arc<EnclaveClient> {
        let mut known = self.lock();
        if known.len() >= MAX_ADDRESSES && !known.contains_key(&address) {
            known.clear();
        }
        let client = || Arc::new(EnclaveClient::new(address));
        let known =
            known.entry(address).or_insert_with(|| Known { client: client(), rests_until: None });
        known.client.clone()
    }

    pub(super) fn rest(&self, address: EnclaveAddress) {
        if let Some(known) = self.lock().get_mut(&address) {
            known.rests_until = Some(Instant::now() + REST);
        }
    }

    pub(super) fn rests(&self, address: EnclaveAddress) -> bool {
        let until = self.lock().get(&address).and_then(|known| known.rests_until);
        until.is_some_and(|until| until > Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EnclaveAddress, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_full_of_lies_does_not_fill_the_memory() {
        let clients = Clients::default();
        for n in 0..3_000_u16 {
            let [high, low] = n.to_be_bytes();
            clients.at(format!("10.0.{high}.{low}:8443").parse().unwrap());
            assert!(clients.lock().len() <= MAX_ADDRESSES);
        }
    }

    #[test]
    fn an_enclave_that_was_not_reached_rests_and_keeps_its_client() {
        let clients = Clients::default();
        let address = "10.0.0.1:8443".parse().unwrap();
        let client = clients.at(address);
        assert!(!clients.rests(address));
        clients.rest(address);
        assert!(clients.rests(address));
        assert!(Arc::ptr_eq(&client, &clients.at(address)));
    }
}
