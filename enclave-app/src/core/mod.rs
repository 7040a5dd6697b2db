//! The decisions. [`Core::decide`] takes a call and the time and says what happens: a reply, a wish
//! for something that needs I/O (a data key opened, an issuer's keys fetched) after which the same
//! call is decided again, or work for a CPU. It does no I/O itself but asking the NSM.
//!
//! The order of the checks is the same for every signed request: shape and sizes, signature,
//! freshness, authority, nonce, session, scope, encapsulation, payload, records, and only then the
//! decision. Nothing that matters changes in memory before the decision.

mod attestation;
mod authenticate;
mod backup;
mod ceremony;
mod device;
mod encapsulated;
mod event;
mod expiring;
mod issuer_keys;
mod keys;
mod memory;
mod passcode;
mod records;
mod recovery;
mod restore;
mod route;
mod session;
mod stop;
mod tenant;
#[cfg(test)]
mod tests;
mod time;
mod token;
mod vault;
mod wallet;
mod write;

pub(crate) use attestation::time_of_document;
pub use ceremony::Job;
pub use issuer_keys::IssuerKeyQuery;
pub use route::{Route, route};
pub use stop::{DataKeyQuery, Decision, Refusal, Wish};
#[cfg(fuzzing)]
pub use token::fuzzed as fuzzed_token;

use crate::ports::{Draw, Entropy, Nsm};
use crate::record::DeploymentKeys;
use crate::work::PrimeStock;
use crate::{Limits, Trust};
use issuer_keys::IssuerKeyCache;
use keys::DataKeyCache;
use memory::Memory;
use records::Records;
use sharekeep_channel::encapsulation::EnclaveKeyPair;
use sharekeep_schemas::enclave::{Call, HttpRequest, VERSION};
use sharekeep_schemas::{EnclaveKeyId, ProblemCode, limits};
use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use stop::{Outcome, Stop};
use time::Time;

/// The state of one enclave's life. All of it is gone with the process.
pub struct Core {
    trust: Trust,
    limits: Limits,
    entropy: Arc<dyn Entropy>,
    nsm: Arc<dyn Nsm>,
    key_pair: EnclaveKeyPair,
    key_id: EnclaveKeyId,
    time: Mutex<Time>,
    memory: Mutex<Memory>,
    tenants: Mutex<tenant::CheckedDocuments>,
    data_keys: Mutex<DataKeyCache>,
    issuer_keys: Mutex<IssuerKeyCache>,
    deployment: OnceLock<Arc<DeploymentKeys>>,
    ceremonies: Mutex<ceremony::Registry>,
    primes: Arc<PrimeStock>,
}

/// A lock that a panic elsewhere does not spoil: what it guards is changed in single steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call being decided.
struct Request<'a> {
    core: &'a Core,
    http: &'a HttpRequest,
    records: Records<'a>,
    now: u64,
    /// The nonce this call holds; given back when the call is only asked again.
    nonce: Cell<Option<memory::NonceKey>>,
}

impl Core {
    /// A new life with a new encapsulation key.
    pub fn new(
        trust: Trust,
        limits: Limits,
        entropy: Arc<dyn Entropy>,
        nsm: Arc<dyn Nsm>,
        primes: Arc<PrimeStock>,
    ) -> Self {
        let key_pair = EnclaveKeyPair::generate(&mut Draw(&*entropy));
        let key_id = EnclaveKeyId::new(*key_pair.id().as_bytes());
        Self {
            data_keys: Mutex::new(DataKeyCache::new(&limits)),
            ceremonies: Mutex::new(ceremony::Registry::new(&limits)),
            trust,
            entropy,
            nsm,
            key_pair,
            key_id,
            time: Mutex::default(),
            memory: Mutex::new(Memory::new(&limits)),
            tenants: Mutex::default(),
            issuer_keys: Mutex::default(),
            deployment: OnceLock::new(),
            primes,
            limits,
        }
    }

    /// The id of this life's encapsulation key.
    pub fn enclave_key(&self) -> EnclaveKeyId {
        self.key_id
    }

    /// What it was told to trust.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many ceremonies run.
    pub fn running_ceremonies(&self) -> usize {
        lock(&self.ceremonies).running()
    }

    /// Decides a call at a time: never at an earlier one than before, and only while the clock
    /// agrees with the NSM's.
    pub fn decide(&self, call: &Call, now_unix_s: u64) -> Decision {
        if call.version != VERSION {
            return Refusal::from(ProblemCode::UnsupportedVersion).into();
        }
        if call.records.len() > limits::MAX_RECORDS_PER_CALL
            || call.http.body.len() > limits::MAX_HTTP_BODY_BYTES
        {
            return Refusal::from(ProblemCode::TooLarge).into();
        }
        let now = match self.time(now_unix_s) {
            Ok(now) => now,
            Err(refusal) => return refusal.into(),
        };
        let request = Request {
            core: self,
            http: &call.http,
            records: Records::new(&call.records),
            now,
            nonce: Cell::new(None),
        };
        let outcome = request.decide();
        if matches!(outcome, Err(Stop::Need(_) | Stop::Provision { .. } | Stop::Wish(_)))
            && let Some(nonce) = request.nonce.take()
        {
            lock(&self.memory).release_nonce(&nonce);
        }
        match outcome {
            Ok(Outcome::Done(done)) => done.into(),
            Ok(Outcome::Work(job)) => Decision::Work(job),
            Err(stop) => stop.into(),
        }
    }

    fn rng(&self) -> Draw<'_> {
        Draw(&*self.entropy)
    }
}

impl Request<'_> {
    fn decide(&self) -> Result<Outcome, Stop> {
        let done = match route(&self.http.method, &self.http.path)? {
            Route::Attestation => self.attest(),
            Route::OpenSession => self.open_session(),
            Route::RenewSession(id) => self.renew_session(id),
            Route::RevokeSession(id) => self.revoke_session(id),
            Route::CreateWallet => return self.create_wallet(),
            Route::ActivateWallet(id) => self.activate_wallet(id),
            Route::ArchiveWallet(id) => self.archive_wallet(id),
            Route::PutBackup(id) => self.put_backup(id),
            Route::OpenBackup(id) => self.open_backup(id),
            Route::DeleteBackup(id) => self.delete_backup(id),
            Route::OpenRecovery => self.open_recovery(),
            Route::ChangeFactors => self.change_factors(),
            Route::RegisterPasscode(id) => self.register_passcode(id),
            Route::StartGuess(id) => self.start_guess(id),
            Route::FinishGuess(id) => self.finish_guess(id),
            Route::NameDevice(id) => self.name_device(id),
            Route::RevokeDevice(id) => self.revoke_device(id),
            Route::Restore => self.restore(),
            Route::StartCeremony => return self.start_ceremony(),
            Route::StepCeremony(id) => return self.step_ceremony(id),
            Route::AbortCeremony(id) => self.abort_ceremony(id),
        };
        done.map(Outcome::Done)
    }
}
