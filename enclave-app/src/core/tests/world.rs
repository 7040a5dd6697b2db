//! One enclave with a store, a clock and a KMS of its own, and a function that can be told to
//! misbehave.

use super::nsm::TestNsm;
use super::{IdentityProvider, Owner};
use crate::core::{Core, DataKeyQuery, Decision, Refusal, Wish, lock};
use crate::ports::KernelEntropy;
use crate::work::PrimeStock;
use crate::{Limits, Trust};
use ed25519_dalek::{Signer, SigningKey};
use rand_core::{OsRng, RngCore};
use serde_bytes::{ByteArray, ByteBuf};
use sharekeep_schemas::enclave::{
    Call, Condition, HttpRequest, LoadedRecord, Put, RecordKey, RecordQuery, Reply, Row,
    StoredRecord, VERSION, Write,
};
use sharekeep_schemas::tenant::{Issuer, IssuerKeys, SignedTenantDocument, TenantDocument};
use sharekeep_schemas::trust::TrustConfiguration;
use sharekeep_schemas::{ProblemCode, TenantId, TokenBinding, UserId, codec};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use zeroize::Zeroizing;

pub(crate) const NOW: u64 = 1_795_000_000;
pub(crate) const ORIGIN: &str = "api.example.com";
pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const PARTNER: &str = "https://partner.example.com";

/// An answer that reached the function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) writes: Vec<Write>,
}

/// A refusal that reached the function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    pub(crate) code: ProblemCode,
    pub(crate) retry_after_s: Option<u32>,
    pub(crate) writes: Vec<Write>,
}

/// What KMS wrapped: whose it is, and the key.
type Wrapped = HashMap<Vec<u8>, (TenantId, [u8; 32])>;

pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) store: RefCell<BTreeMap<RecordKey, Put>>,
    pub(crate) now: Cell<u64>,
    pub(crate) operator: SigningKey,
    kms: RefCell<Wrapped>,
    pub(crate) jwks: RefCell<Option<String>>,
    pub(crate) fetches: Cell<u32>,
    pub(crate) kms_calls: Cell<u32>,
    pub(crate) rounds: Cell<u32>,
    /// No worker is free.
    pub(crate) busy: Cell<bool>,
    /// What the users know of their recovery.
    pub(crate) owners: RefCell<HashMap<UserId, Owner>>,
    nsm: Arc<TestNsm>,
    trust_bytes: Vec<u8>,
    limits: Limits,
}

pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits { primes: 1, ..Limits::default() })
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let mut secret = [0; 32];
        OsRng.fill_bytes(&mut secret);
        let operator = SigningKey::from_bytes(&secret);
        let trust = TrustConfiguration {
            version: 1,
            deployment: "test".into(),
            operator_key: ByteArray::new(operator.verifying_key().to_bytes()),
            release_keys: vec![],
            release_threshold: 0,
            kms_key_arn: "arn:aws:kms:eu-central-1:000000000000:key/test".into(),
            kms_region: "eu-central-1".into(),
            kms_authorities_pem: None,
            egress_hosts: vec![],
        };
        let trust_bytes = codec::encode(&trust);
        let nsm = Arc::new(TestNsm::at(NOW));
        let world = Self {
            core: new_core(&trust_bytes, &limits, &nsm),
            store: RefCell::default(),
            now: Cell::new(NOW),
            operator,
            kms: RefCell::default(),
            jwks: RefCell::new(Some(IdentityProvider::shared().jwks())),
            fetches: Cell::new(0),
            kms_calls: Cell::new(0),
            rounds: Cell::new(0),
            busy: Cell::new(false),
            owners: RefCell::default(),
            nsm,
            trust_bytes,
            limits,
        };
        world.put_tenant(&world.document("shop"));
        world.put_tenant(&world.document("bank"));
        world
    }

    /// The enclave is gone, and another one starts over the same store.
    pub(crate) fn restart(&mut self) {
        self.core = new_core(&self.trust_bytes, &self.limits, &self.nsm);
    }

    /// Another enclave beside this one.
    pub(crate) fn another_life(&self) -> Core {
        new_core(&self.trust_bytes, &self.limits, &self.nsm)
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.now.set(self.now.get() + seconds);
        self.nsm.unix_s.store(self.now.get(), Ordering::Relaxed);
    }

    /// Steps the kernel's clock away from the NSM's, as the host can.
    pub(crate) fn step_clock(&self, seconds: i64) {
        self.now.set(self.nsm.unix_s.load(Ordering::Relaxed).saturating_add_signed(seconds));
    }

    /// How often the NSM was asked.
    pub(crate) fn attestations(&self) -> u64 {
        self.nsm.attestations.load(Ordering::Relaxed)
    }

    pub(crate) fn document(&self, name: &str) -> TenantDocument {
        let issuer = |issuer: &str, binding| Issuer {
            issuer: issuer.into(),
            audiences: vec![format!("{name}-app")],
            algorithms: ["RS256", "PS256", "ES256", "ES384", "EdDSA"].map(String::from).into(),
            keys: IssuerKeys::Fetched { jwks_uri: format!("{issuer}/jwks"), authorities_pem: None },
            binding,
        };
        TenantDocument {
            version: 1,
            tenant: tenant(name),
            serial: 1,
            issuers: vec![
                issuer(ISSUER, TokenBinding::Nonce),
                issuer(PARTNER, TokenBinding::ConfirmationKey),
            ],
            origins: vec![ORIGIN.into()],
            session_lifetime_s: 900,
            requests_per_minute: 600,
        }
    }

    pub(crate) fn sign_document(&self, document: &TenantDocument) -> Vec<u8> {
        sharekeep_trust::sign(&self.operator, document)
    }

    /// Signs a document as something else: without the label that says what it is.
    pub(crate) fn sign_without_label(&self, document: &TenantDocument) -> Vec<u8> {
        let document = codec::encode(document);
        let signature = self.operator.sign(&document);
        codec::encode(&SignedTenantDocument {
            document: ByteBuf::from(document),
            signature: ByteBuf::from(signature.to_bytes().to_vec()),
        })
    }

    pub(crate) fn put_tenant(&self, document: &TenantDocument) {
        let bytes = self.sign_document(document);
        self.put(RecordKey::Tenant(document.tenant.clone()), bytes);
    }

    /// Puts raw bytes into the store, as its operator could.
    pub(crate) fn put(&self, key: RecordKey, bytes: Vec<u8>) {
        let put = Put {
            version: 1,
            bytes: ByteBuf::from(bytes),
            row: Row::Empty,
            expires_at_unix_s: None,
        };
        self.store.borrow_mut().insert(key, put);
    }

    /// Flips one bit of a stored record.
    pub(crate) fn edit(&self, key: &RecordKey) {
        let mut store = self.store.borrow_mut();
        let bytes = &mut store.get_mut(key).unwrap().bytes;
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    }

    /// Plays the function for one request: loads what is asked for, commits provisions, and hands
    /// over the answer uncommitted.
    pub(crate) fn ask(&self, http: &HttpRequest) -> Result<Answer, Refused> {
        let mut records: Vec<LoadedRecord> = Vec::new();
        for round in 1..=8 {
            self.rounds.set(round);
            let call = Call { version: VERSION, http: http.clone(), records: records.clone() };
            let queries = match self.reply(&call) {
                Reply::Need { queries } => queries,
                Reply::Provision { writes, queries } => {
                    // A lost race is no error.
                    let _ = self.commit(&writes);
                    queries
                }
                Reply::Done { body, writes } => {
                    return Ok(Answer { body: body.into_vec(), writes });
                }
                Reply::Refused { code, retry_after_s, writes, .. } => {
                    return Err(Refused { code, retry_after_s, writes });
                }
            };
            for query in queries {
                records.retain(|record| record.query != query);
                records.push(LoadedRecord { found: self.load(&query), query });
            }
        }
        panic!("the enclave never stops asking");
    }

    /// One call with everything the core wishes for, but nothing the store has.
    pub(crate) fn reply(&self, call: &Call) -> Reply {
        for _ in 0..8 {
            match self.core.decide(call, self.now.get()) {
                Decision::Reply(reply) => return reply,
                Decision::Work(job) if self.busy.get() => return job.decline(&self.core),
                Decision::Work(job) => return job.run(&self.core),
                Decision::Wish(wish) => {
                    if let Some(reply) = self.grant(wish) {
                        return reply;
                    }
                }
            }
        }
        panic!("the enclave never stops wishing");
    }

    fn grant(&self, wish: Wish) -> Option<Reply> {
        match wish {
            Wish::OpenDataKeys(queries) => {
                for query in queries {
                    self.kms_calls.set(self.kms_calls.get() + 1);
                    let Some(key) = self.unwrap_key(&query) else {
                        return Some(Refusal::from(ProblemCode::RecordRefused).into());
                    };
                    self.core.learn_data_key(&query, Zeroizing::new(key), self.now.get());
                }
                None
            }
            Wish::MakeDataKeys(tenants) => {
                let made = tenants.into_iter().map(|tenant| {
                    let wrapped = self.make_data_key(&tenant);
                    (tenant, wrapped)
                });
                Some(self.core.provision_data_keys(made.collect()))
            }
            Wish::FetchIssuerKeys(query) => {
                self.fetches.set(self.fetches.get() + 1);
                let jwks = self.jwks.borrow();
                let json = jwks.as_deref().map(str::as_bytes);
                self.core.learn_issuer_keys(&query, json, self.now.get());
                None
            }
        }
    }

    pub(crate) fn make_data_key(&self, tenant: &TenantId) -> Vec<u8> {
        let (mut wrapped, mut key) = (vec![0; 32], [0; 32]);
        OsRng.fill_bytes(&mut wrapped);
        OsRng.fill_bytes(&mut key);
        self.kms.borrow_mut().insert(wrapped.clone(), (tenant.clone(), key));
        wrapped
    }

    fn unwrap_key(&self, query: &DataKeyQuery) -> Option<[u8; 32]> {
        let kms = self.kms.borrow();
        let (tenant, key) = kms.get(&query.wrapped)?;
        (*tenant == query.tenant).then_some(*key)
    }

    pub(crate) fn load(&self, query: &RecordQuery) -> Vec<StoredRecord> {
        let store = self.store.borrow();
        let wanted = |key: &RecordKey, put: &Put| match query {
            RecordQuery::One(one) => key == one,
            RecordQuery::DataKeysOf(of) => {
                matches!(key, RecordKey::DataKey { tenant, .. } if tenant == of)
            }
            RecordQuery::SessionsOf(of) => {
                matches!(&put.row, Row::Session(row) if row.user == *of)
            }
            RecordQuery::WalletsOf(of) => {
                matches!(key, RecordKey::Wallet { user, .. } if user == of)
            }
            RecordQuery::BackupsOf(of) => {
                matches!(key, RecordKey::Backup { user, .. } if user == of)
            }
            RecordQuery::FactorsOf(of) => {
                matches!(key, RecordKey::Factor { user, .. } if user == of) && put.row != Row::Empty
            }
            RecordQuery::DevicesOf(of) => {
                matches!(key, RecordKey::Device { user, .. } if user == of)
                    && matches!(&put.row, Row::Device(row) if row.revoked_at_unix_s.is_none())
            }
        };
        store
            .iter()
            .filter(|(key, put)| wanted(key, put))
            .map(|(key, put)| StoredRecord { key: key.clone(), bytes: put.bytes.clone() })
            .collect()
    }

    /// All or nothing.
    pub(crate) fn commit(&self, writes: &[Write]) -> Result<(), &'static str> {
        let mut store = self.store.borrow_mut();
        for write in writes {
            let there = store.get(&write.key).map(|put| put.version);
            let holds = match write.condition {
                Condition::Absent => there.is_none(),
                Condition::Version(version) | Condition::Unchanged(version) => {
                    there == Some(version)
                }
                Condition::Any => true,
            };
            if !holds {
                return Err("a condition does not hold");
            }
        }
        for write in writes.iter().filter(|w| !matches!(w.condition, Condition::Unchanged(_))) {
            match &write.put {
                Some(put) => store.insert(write.key.clone(), put.clone()),
                None => store.remove(&write.key),
            };
        }
        Ok(())
    }

    /// A function that does its duty: commits, and only then releases.
    pub(crate) fn serve(&self, http: &HttpRequest) -> Result<Vec<u8>, ProblemCode> {
        match self.ask(http) {
            Ok(answer) => {
                self.commit(&answer.writes).map_err(|_| ProblemCode::Conflict)?;
                Ok(answer.body)
            }
            Err(refused) => {
                self.commit(&refused.writes).map_err(|_| ProblemCode::Conflict)?;
                Err(refused.code)
            }
        }
    }

    /// Asserts that a request is refused with a code, writes nothing and changes no memory, and
    /// that the store is byte for byte as it was.
    #[track_caller]
    pub(crate) fn refuses(&self, http: &HttpRequest, code: ProblemCode) {
        let store = self.store.borrow().clone();
        let memory = self.memory();
        let refused = self.ask(http).expect_err("must be refused");
        assert_eq!(refused.code, code);
        assert_eq!(refused.writes, vec![]);
        assert!(*self.store.borrow() == store, "the store changed");
        assert_eq!(self.memory(), memory, "memory changed");
    }

    /// What memory holds, but the nonces: a signature that was looked at counts as used.
    pub(crate) fn memory(&self) -> (Vec<usize>, usize) {
        let marks = lock(&self.core.memory).sizes();
        (marks, self.core.running_ceremonies())
    }

    pub(crate) fn users(&self) -> Vec<UserId> {
        let store = self.store.borrow();
        let users = store.keys().filter_map(|key| match key {
            RecordKey::Device { user, .. } => Some(*user),
            _ => None,
        });
        users.collect()
    }
}

fn new_core(trust_bytes: &[u8], limits: &Limits, nsm: &Arc<TestNsm>) -> Core {
    let trust = Trust::from_bytes(trust_bytes).unwrap();
    let primes = Arc::new(PrimeStock::new(limits.primes));
    Core::new(trust, limits.clone(), Arc::new(KernelEntropy), nsm.clone(), primes)
}
