use crate::backoff::Backoff;
use crate::core::{Core, DataKeyQuery, Decision, IssuerKeyQuery, Job, Refusal, Route, Wish, route};
use crate::kms_health::KmsHealth;
use crate::ports::{Clock, Draw, Entropy, IssuerKeySource, KeyContext, Kms, Nsm, Ports};
use crate::work::{PoolFull, PrimeFiller, PrimeStock, WorkPool};
use crate::{Error, Settings, Trust};
use serde_bytes::ByteBuf;
use sharekeep_schemas::enclave::{Call, EnclaveHealth, Reply};
use sharekeep_schemas::{EnclaveKeyId, ProblemCode, TenantId};
use sharekeep_steps::{DurableStep, Moment, reached};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

/// Wishes that one call may have: both vaults, an issuer's keys, some older data keys.
const MAX_WISHES: usize = 8;

/// An enclave's life: the core's decisions with everything they need from outside.
pub struct Enclave {
    core: Core,
    nsm: Arc<dyn Nsm>,
    kms: Arc<dyn Kms>,
    clock: Arc<dyn Clock>,
    issuer_keys: Arc<dyn IssuerKeySource>,
    entropy: Arc<dyn Entropy>,
    pool: WorkPool,
    primes: Arc<PrimeStock>,
    _filler: PrimeFiller,
    kms_health: KmsHealth,
    /// One fetch at a time for each set: calls that wait for it share its result.
    fetching: Mutex<HashMap<IssuerKeyQuery, Arc<tokio::sync::Mutex<()>>>>,
}

impl Enclave {
    /// Starts a life: reads the trust configuration, makes the encapsulation key, starts the
    /// threads.
    ///
    /// # Errors
    /// [`Error::Trust`]; [`Error::Nsm`] and [`Error::Clock`] when the NSM does not answer or tells
    /// another time.
    pub fn new(settings: Settings, ports: Ports) -> Result<Arc<Self>, Error> {
        let trust = Trust::from_bytes(&settings.trust_bytes)?;
        let limits = settings.limits;
        let cores = available_parallelism().map_or(1, usize::from);
        let pool = WorkPool::start(limits.workers.unwrap_or(cores), limits.queue);
        let primes = Arc::new(PrimeStock::new(limits.primes));
        let searchers = if limits.primes == 0 { 0 } else { cores };
        let idle = Arc::new(pool.idleness());
        let filler = PrimeFiller::start(&primes, searchers, &ports.entropy, move || (*idle)());
        let core =
            Core::new(trust, limits, ports.entropy.clone(), ports.nsm.clone(), primes.clone());
        core.check_clock(ports.clock.now_unix_s())?;
        Ok(Arc::new(Self {
            core,
            nsm: ports.nsm,
            kms: ports.kms,
            clock: ports.clock,
            issuer_keys: ports.issuer_keys,
            entropy: ports.entropy,
            pool,
            primes,
            _filler: filler,
            kms_health: KmsHealth::default(),
            fetching: Mutex::default(),
        }))
    }

    /// The id of this life's encapsulation key.
    pub fn enclave_key(&self) -> EnclaveKeyId {
        self.core.enclave_key()
    }

    /// The stock of primes: whoever embeds an enclave may add some that were found before.
    pub fn primes(&self) -> &PrimeStock {
        &self.primes
    }

    /// Decides a call. Runs to its end even if nobody waits for it any more, since a ceremony's
    /// step cannot be taken back.
    pub async fn call(self: &Arc<Self>, call: Call) -> Reply {
        let enclave = self.clone();
        let answered = tokio::spawn(async move {
            let reply = enclave.drive(&call).await;
            if let Some(step) = step_of(&call, &reply) {
                reached(step, Moment::Decided);
            }
            reply
        });
        answered.await.unwrap_or_else(|_| {
            tracing::error!("a call failed inside");
            Refusal::from(ProblemCode::Internal).into()
        })
    }

    async fn drive(self: &Arc<Self>, call: &Call) -> Reply {
        for _ in 0..MAX_WISHES {
            let decision = self.core.decide(call, self.clock.now_unix_s());
            for query in self.core.worn_data_keys() {
                tokio::spawn(self.clone().ask_again(query));
            }
            match decision {
                Decision::Reply(reply) => return reply,
                Decision::Work(job) => return self.work(job).await,
                Decision::Wish(wish) => match self.grant(wish).await {
                    Ok(Some(reply)) => return reply,
                    Ok(None) => {}
                    Err(refusal) => return refusal.into(),
                },
            }
        }
        Refusal::from(ProblemCode::Internal).into()
    }

    async fn grant(&self, wish: Wish) -> Result<Option<Reply>, Refusal> {
        match wish {
            Wish::OpenDataKeys(queries) => {
                for query in queries {
                    self.open_data_key(&query).await?;
                }
                Ok(None)
            }
            Wish::MakeDataKeys(tenants) => self.make_data_keys(tenants).await.map(Some),
            Wish::FetchIssuerKeys(query) => {
                self.fetch_issuer_keys(&query).await;
                Ok(None)
            }
        }
    }

    async fn open_data_key(&self, query: &DataKeyQuery) -> Result<(), Refusal> {
        let context = KeyContext::data_key(query.tenant.clone());
        let opened = self.kms.open(&context, &query.wrapped).await;
        let secret = self.heard_from_kms(opened)?;
        self.core.learn_data_key(query, secret, self.clock.now_unix_s());
        Ok(())
    }

    /// Asks KMS once more for a data key that is in use, until it answers or the key's time is
    /// over: no request waits for that.
    async fn ask_again(self: Arc<Self>, query: DataKeyQuery) {
        let context = KeyContext::data_key(query.tenant.clone());
        let mut pauses = Backoff::default();
        while self.core.uses_data_key(&query, self.clock.now_unix_s()) {
            let opened = self.kms.open(&context, &query.wrapped).await;
            // The policy of the key, or whoever may change it, has decided against this image.
            let forbidden = matches!(opened, Err(Error::KmsDenied | Error::KmsRefused));
            if let Ok(secret) = self.heard_from_kms(opened) {
                return self.core.learn_data_key(&query, secret, self.clock.now_unix_s());
            }
            if forbidden {
                return self.core.forget_data_key(&query);
            }
            tokio::time::sleep(pauses.next(&mut Draw(&*self.entropy))).await;
        }
    }

    async fn make_data_keys(&self, tenants: Vec<TenantId>) -> Result<Reply, Refusal> {
        let mut made = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let context = KeyContext::data_key(tenant.clone());
            let generated = self.kms.generate(&context).await;
            // The key itself is dropped: only what is read back from the store is used.
            made.push((tenant, self.heard_from_kms(generated)?.wrapped));
        }
        Ok(self.core.provision_data_keys(made))
    }

    fn heard_from_kms<T>(&self, result: Result<T, Error>) -> Result<T, Refusal> {
        match result {
            Ok(answer) => {
                self.kms_health.answered(self.clock.now_unix_s());
                Ok(answer)
            }
            // The store gave us something that is no key of ours: KMS itself is well.
            Err(Error::KmsRefused) => Err(ProblemCode::RecordRefused.into()),
            Err(error) => {
                tracing::warn!(%error, "kms");
                self.kms_health.failed(self.clock.now_unix_s());
                Err(Refusal::later(ProblemCode::KmsUnavailable, 5))
            }
        }
    }

    async fn fetch_issuer_keys(&self, query: &IssuerKeyQuery) {
        let before = self.core.issuer_keys_tried_at(query);
        let turn = {
            let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            fetching.retain(|_, turn| Arc::strong_count(turn) > 1);
            fetching.entry(query.clone()).or_default().clone()
        };
        let _turn = turn.lock().await;
        if self.core.issuer_keys_tried_at(query) != before {
            return;
        }
        let fetched = self.issuer_keys.fetch(&query.uri, query.authorities_pem.as_deref()).await;
        if let Err(error) = &fetched {
            tracing::warn!(%error, "an issuer's keys cannot be fetched");
        }
        let json = fetched.as_deref().ok();
        self.core.learn_issuer_keys(query, json, self.clock.now_unix_s());
    }

    async fn work(self: &Arc<Self>, job: Box<Job>) -> Reply {
        // The job stays within reach: when the queue is full, its ceremony must stay as it was.
        let slot = Arc::new(Mutex::new(Some(job)));
        let take = |slot: &Mutex<Option<Box<Job>>>| {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        let (enclave, theirs) = (self.clone(), slot.clone());
        let ran = self.pool.run(move || take(&theirs).map(|job| job.run(&enclave.core)));
        let reply = match ran {
            Ok(running) => running.await.ok().flatten(),
            Err(PoolFull) => take(&slot).map(|job| job.decline(&self.core)),
        };
        reply.unwrap_or_else(|| Refusal::from(ProblemCode::Internal).into())
    }

    /// How the enclave is.
    pub fn health(&self) -> EnclaveHealth {
        let now = self.clock.now_unix_s();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let pcr =
            |index| self.nsm.pcr(index).ok().map(|pcr| ByteBuf::from(pcr.as_bytes().to_vec()));
        EnclaveHealth {
            enclave_key: self.core.enclave_key(),
            time_unix_s: now,
            pcrs: (0..3).filter_map(pcr).collect(),
            kms_ok_age_s: self.kms_health.ok_age_s(now),
            kms_failing: self.kms_health.is_failing(now),
            ceremonies: count(self.core.running_ceremonies()),
            queued_steps: count(self.pool.queued()),
            primes_ready: count(self.primes.ready()),
            primes_wanted: count(self.primes.wanted()),
        }
    }
}

/// The step that a reply asks the function to make durable.
fn step_of(call: &Call, reply: &Reply) -> Option<DurableStep> {
    match reply {
        Reply::Need { .. } => None,
        Reply::Provision { .. } => Some(DurableStep::ProvisionKeys),
        Reply::Done { .. } | Reply::Refused { .. } => {
            route(&call.http.method, &call.http.path).ok().map(Route::step)
        }
    }
}
