//! A request's way through the enclave: hand it over with the records it needs, commit what the
//! enclave writes, and only then release its answer.
//!
//! The order protects an honest deployment from crashes. It is no defence against a function that
//! breaks it: the enclave remembers what it has answered.

use crate::author::{Allowed, Author};
use crate::enclave_client::{Deadline, EnclaveClient};
use crate::error::{Error, Result};
use crate::fleet::Work;
use crate::gate::{Begun, Claim, EntityTag, Outcome, Sealed};
use crate::observe::TraceParent;
use crate::state::State;
use axum::response::{IntoResponse, Response};
use http::header;
use sha2::{Digest, Sha256};
use sharekeep_schemas::enclave::{
    Call, HttpRequest, LoadedRecord, RecordKey, RecordQuery, Reply, Row, StoredRecord, VERSION,
    Write,
};
use sharekeep_schemas::limits::{MAX_KEPT_WALLETS_PER_USER, MAX_RECORDS_PER_CALL};
use sharekeep_schemas::{ProblemCode, TenantId, UserId, WalletId, codec};
use sharekeep_steps::DurableStep;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most calls of the enclave for one request. The first request after a deployment needs the most:
/// the deployment's data key, its keys, the tenant's data key, and then records.
const MAX_CALLS: usize = 8;

/// How the enclave settled a request. Nothing of it is committed yet.
pub(crate) enum Settled {
    Done { body: Vec<u8>, writes: Vec<Write> },
    Refused { refusal: Error, code: ProblemCode, detail: Option<String>, writes: Vec<Write> },
}

/// What must hold before the enclave is asked. A cheap refusal, by what the store shows.
pub(crate) enum Precondition {
    /// Nothing.
    None,
    /// The wallet's backup has this tag.
    Backup { user: UserId, wallet: WalletId, tag: EntityTag },
    /// The user can have one more wallet, and still all of them can be loaded.
    RoomForWallet(UserId),
}

impl Precondition {
    /// Looks at the backup's tag. A backup that is not there has none (RFC 9110 section 13.1.1).
    async fn check_row(&self, state: &State) -> Result<()> {
        let Self::Backup { user, wallet, tag } = *self else { return Ok(()) };
        match state.store.row(&RecordKey::Backup { user, wallet }).await?.map(|found| found.row) {
            Some(Row::Backup(row)) if row.version == tag.0 => Ok(()),
            Some(Row::Backup(_)) | None => Err(Error::refused(ProblemCode::PreconditionFailed)),
            Some(_) => Err(Error::StoreBroken("a backup without its row".into())),
        }
    }

    fn check_records(&self, records: &Records) -> Result<()> {
        let Self::RoomForWallet(user) = *self else { return Ok(()) };
        let kept = records.found.get(&RecordQuery::WalletsOf(user)).map_or(0, Vec::len);
        if kept < MAX_KEPT_WALLETS_PER_USER {
            return Ok(());
        }
        Err(Error::refused_with(ProblemCode::TooMany, "archived wallets are counted as well"))
    }
}

/// Takes a sealed POST through the enclave.
///
/// Runs on when the caller hangs up: what the enclave has done must be committed, and a retry gets
/// the answer.
pub(crate) async fn forward(
    state: State,
    post: Sealed,
    step: DurableStep,
    guesses: Vec<RecordQuery>,
) -> Result<Response> {
    forward_if(state, post, step, guesses, Precondition::None).await
}

/// The same, if a condition holds or the request was carried out before.
pub(crate) async fn forward_if(
    state: State,
    post: Sealed,
    step: DurableStep,
    guesses: Vec<RecordQuery>,
    condition: Precondition,
) -> Result<Response> {
    tokio::spawn(async move { carry_out(&state, post, step, guesses, condition).await })
        .await
        .map_err(|_| Error::Internal("a request's task died"))?
}

async fn carry_out(
    state: &State,
    post: Sealed,
    step: DurableStep,
    guesses: Vec<RecordQuery>,
    condition: Precondition,
) -> Result<Response> {
    // The records are nearly always needed: reading them meanwhile saves a wait for the store.
    let (begun, records, held, holder) = tokio::join!(
        Claim::begin(state, &post.session, &post.idempotency_key, &post.fingerprint),
        Records::beginning(state, queries(&post, guesses), post.session_record.clone()),
        condition.check_row(state),
        state.fleet.holder_of(post.enclave_key, Work::of(step)),
    );
    let claim = match begun? {
        Begun::First(claim) => claim,
        Begun::Done(body) => return Ok(json(body)),
        Begun::Refused { code, detail } => {
            return Err(Error::Refused {
                code,
                detail: detail.map(Into::into),
                retry_after_s: None,
            });
        }
        Begun::Large(committed) => {
            let holder = state.fleet.holder_of(post.enclave_key, Work::Begun).await?;
            return repeat(state, &post, &holder, records?, committed).await;
        }
    };
    // Only now: a repetition finds the condition changed by the request itself.
    let records = held.and(records).and_then(|records| {
        condition.check_records(&records)?;
        Ok(records)
    });
    let settled = match settle(state, &post, holder, records).await {
        Ok(settled) => settled,
        Err(error) => {
            claim.release(&state.store).await;
            return Err(error);
        }
    };
    let author = post.author();
    match settled {
        Settled::Done { body, writes } => {
            let outcome = Outcome::Done { body: &body, writes_digest: digest(&writes) };
            commit(state, step, claim, author.allowed(&writes), &outcome).await?;
            Ok(json(body))
        }
        Settled::Refused { refusal, code, detail, writes } if stays(code) => {
            let outcome = Outcome::Refused { code, detail: detail.as_deref() };
            commit(state, step, claim, author.allowed(&writes), &outcome).await?;
            Err(refusal)
        }
        Settled::Refused { refusal, writes, .. } => {
            let now = state.clock.now_unix_s();
            let committed = match author.allowed(&writes) {
                Ok(allowed) => state.store.commit_allowed(step, &allowed, None, now).await,
                Err(error) => Err(error),
            };
            claim.release(&state.store).await;
            committed?;
            Err(refusal)
        }
    }
}

/// Commits the enclave's writes together with the end of the request. If that fails, the answer is
/// dropped: the caller gets the problem and tries again.
async fn commit(
    state: &State,
    step: DurableStep,
    claim: Claim,
    allowed: Result<Allowed<'_>>,
    outcome: &Outcome<'_>,
) -> Result<()> {
    let committed = async {
        let (allowed, end) = (allowed?, claim.end(&state.store, outcome)?);
        let now = state.clock.now_unix_s();
        state.store.commit_allowed(step, &allowed, Some(end), now).await
    }
    .await;
    if committed.is_err() {
        claim.release(&state.store).await;
    }
    committed
}

/// Fetches an answer again that was too large to store. Its writes were committed the first time:
/// it is released if the enclave says the same again or sees that they were, and not otherwise.
async fn repeat(
    state: &State,
    post: &Sealed,
    holder: &EnclaveClient,
    records: Records,
    committed: [u8; 32],
) -> Result<Response> {
    match ask(state, holder, &post.author(), post.http.clone(), post.traceparent.as_ref(), records)
        .await?
    {
        Settled::Done { body, writes } if writes.is_empty() || digest(&writes) == committed => {
            Ok(json(body))
        }
        Settled::Done { .. } => Err(Error::EnclaveBroken("another answer to an exact retry")),
        Settled::Refused { refusal, .. } => Err(refusal),
    }
}

async fn settle(
    state: &State,
    post: &Sealed,
    holder: Result<Arc<EnclaveClient>>,
    records: Result<Records>,
) -> Result<Settled> {
    let (records, holder) = (records?, holder?);
    ask(state, &holder, &post.author(), post.http.clone(), post.traceparent.as_ref(), records).await
}

/// What the enclave will need for a POST, as far as one can tell from outside.
fn queries(post: &Sealed, guesses: Vec<RecordQuery>) -> Vec<RecordQuery> {
    let mut queries = guesses;
    if let (Some(user), Some(device)) = (post.user, post.device) {
        queries.push(RecordQuery::One(RecordKey::Device { user, device }));
    }
    queries.push(RecordQuery::One(RecordKey::Tenant(post.tenant.clone())));
    queries.push(RecordQuery::DataKeysOf(post.tenant.clone()));
    queries
}

/// The deployment's keys: they make user ids and sign receipts and attestations.
pub(crate) fn deployment_keys() -> [RecordQuery; 2] {
    [RecordQuery::One(RecordKey::DeploymentKeys), RecordQuery::DataKeysOf(TenantId::deployment())]
}

/// Calls the enclave until it has settled the request.
pub(crate) async fn ask(
    state: &State,
    enclave: &EnclaveClient,
    author: &Author,
    http: HttpRequest,
    traceparent: Option<&TraceParent>,
    mut records: Records,
) -> Result<Settled> {
    let mut call = Call { version: VERSION, http, records: Vec::new() };
    let deadline = Deadline::of_a_request();
    for _ in 0..MAX_CALLS {
        call.records = records.handed_over();
        let asked = enclave.call(&call, traceparent.map(TraceParent::as_str));
        let reply = deadline.bounds(asked).await;
        if matches!(reply, Err(Error::EnclaveUnavailable(_))) {
            state.fleet.unreachable(enclave.address());
        }
        match reply? {
            Reply::Need { queries } => {
                // Asked for again, it would be asked for for ever.
                if queries.iter().all(|query| records.has(query)) {
                    return Err(Error::EnclaveBroken("it needs what it was given"));
                }
                records.load(state, queries).await?;
            }
            Reply::Provision { writes, queries } => {
                let (keys, now) = (author.provisioned(&writes)?, state.clock.now_unix_s());
                let step = DurableStep::ProvisionKeys;
                match state.store.commit_allowed(step, &keys, None, now).await {
                    // Another call was faster: its keys are in the store and count.
                    Ok(()) | Err(Error::Conflict) => {}
                    Err(error) => return Err(error),
                }
                records.load(state, queries).await?;
            }
            Reply::Done { body, writes } => {
                return Ok(Settled::Done { body: body.into_vec(), writes });
            }
            Reply::Refused { writes, .. }
                if writes.is_empty() && records.were_outdated(state).await? =>
            {
                // Not a word that would be stored: a retry comes with what holds now.
                return Err(Error::Conflict);
            }
            Reply::Refused { code, detail, retry_after_s, writes } => {
                let refusal =
                    Error::Refused { code, detail: detail.clone().map(Into::into), retry_after_s };
                return Ok(Settled::Refused { refusal, code, detail, writes });
            }
        }
    }
    Err(Error::EnclaveBroken("it never settles the request"))
}

/// The records of one request.
#[derive(Default)]
pub(crate) struct Records {
    found: BTreeMap<RecordQuery, Vec<StoredRecord>>,
    /// Those that were not read from the store for this request.
    kept: Vec<RecordQuery>,
}

impl Records {
    /// These, to begin with; those that are kept are not loaded. With one that was read on the way.
    pub(crate) async fn beginning(
        state: &State,
        queries: Vec<RecordQuery>,
        read: Option<StoredRecord>,
    ) -> Result<Self> {
        let mut records = Self::default();
        if let Some(record) = read {
            records.found.insert(RecordQuery::One(record.key.clone()), vec![record]);
        }
        let now = state.clock.now_unix_s();
        let mut missing = Vec::new();
        for query in queries {
            match state.kept.get(&query, now) {
                Some(found) => {
                    records.kept.push(query.clone());
                    records.found.insert(query, found);
                }
                None if records.has(&query) => {}
                None => missing.push(query),
            }
        }
        records.load(state, missing).await?;
        Ok(records)
    }

    fn has(&self, query: &RecordQuery) -> bool {
        self.found.contains_key(query)
    }

    /// Whether a record that was kept has changed in the store meanwhile; it is kept anew.
    async fn were_outdated(&self, state: &State) -> Result<bool> {
        let now = state.clock.now_unix_s();
        let loaded = state.kept.load(&state.store, &self.kept, now).await?;
        Ok(loaded.iter().any(|now| self.found.get(&now.query) != Some(&now.found)))
    }

    /// Loads these, also where they were loaded before: they may have changed.
    async fn load(&mut self, state: &State, queries: Vec<RecordQuery>) -> Result<()> {
        let queries: Vec<_> = queries.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let more = queries.iter().filter(|query| !self.has(query)).count();
        if self.found.len() + more > MAX_RECORDS_PER_CALL {
            return Err(Error::EnclaveBroken("it needs too many records"));
        }
        for LoadedRecord { query, found } in
            state.kept.load(&state.store, &queries, state.clock.now_unix_s()).await?
        {
            self.found.insert(query, found);
        }
        Ok(())
    }

    fn handed_over(&self) -> Vec<LoadedRecord> {
        self.found
            .iter()
            .map(|(query, found)| LoadedRecord { query: query.clone(), found: found.clone() })
            .collect()
    }
}

/// Whether an exact retry would be refused for the same reason, so that the problem is its answer.
/// Signatures are made anew for each retry, and a session may have been renewed meanwhile: these
/// refusals are of one HTTP request, not of the sealed body.
fn stays(code: ProblemCode) -> bool {
    !code.retryable()
        && !matches!(
            code,
            ProblemCode::SignatureMissing
                | ProblemCode::SignatureInvalid
                | ProblemCode::SignatureStale
                | ProblemCode::SignatureReplayed
                | ProblemCode::AuthorityMismatch
                | ProblemCode::SessionUnknown
                | ProblemCode::SessionExpired
        )
}

fn digest(writes: &[Write]) -> [u8; 32] {
    Sha256::digest(codec::encode(&writes)).into()
}

pub(crate) fn json(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_a_fresh_signature_can_mend_is_not_kept() {
        assert!(!stays(ProblemCode::SignatureStale));
        assert!(!stays(ProblemCode::SessionExpired));
        assert!(!stays(ProblemCode::Overloaded));
        assert!(stays(ProblemCode::TokenUsed));
        assert!(stays(ProblemCode::CeremonyForked));
    }
}
