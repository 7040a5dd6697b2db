//! One row a (session, `Idempotency-Key`): a POST happens once, and its exact repetition gets the
//! same answer.
//!
//! ```text
//! absent ──begin──▶ in_flight ──commit──▶ done      answer stored
//!    ▲                 │  │    ──commit──▶ large     too large to store: the enclave has it
//!    └────release──────┘  └────settle────▶ refused   problem stored
//! ```
//!
//! `in_flight` is a lease: when it runs out (the function died), an exact retry takes it over. The
//! last three stay for [`IDEMPOTENCY_LIFETIME_S`]. `done`, `large` and `refused` are written in the
//! transaction that holds the enclave's writes, so an answer is released once they are committed
//! and never otherwise.

use crate::error::{Error, Result};
use crate::state::State;
use crate::store::{Store, blob, bytes_of, fault_of, number, number_of, text, text_of};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use rand_core::RngCore;
use sharekeep_schemas::limits::{IDEMPOTENCY_LIFETIME_S, MAX_STORED_ANSWER_BYTES};
use sharekeep_schemas::{IdempotencyKey, ProblemCode, SessionKeyId};
use sharekeep_steps::{DurableStep, Moment, reached};
use std::collections::HashMap;

/// How long a function has, in seconds. Longer than an enclave call may take, short enough that a
/// function that died does not keep a user waiting.
const LEASE_S: u64 = 60;

/// What became of a request when it began.
pub(crate) enum Begun {
    /// It is this function's to carry out.
    First(Claim),
    /// It was carried out; this is its answer.
    Done(Vec<u8>),
    /// It was refused; this is why.
    Refused { code: ProblemCode, detail: Option<String> },
    /// It was carried out, and the enclave is to repeat the answer. The digest is that of the
    /// writes that were committed with it.
    Large([u8; 32]),
}

/// The right to carry a request out.
pub(crate) struct Claim {
    key: String,
    owner: [u8; 16],
}

/// How a request ended.
pub(crate) enum Outcome<'a> {
    /// With an answer and the digest of the writes that go with it.
    Done { body: &'a [u8], writes_digest: [u8; 32] },
    /// With a refusal that a repetition would meet again.
    Refused { code: ProblemCode, detail: Option<&'a str> },
}

impl Claim {
    /// Begins a request, or finds out what became of its first try.
    pub(crate) async fn begin(
        state: &State,
        session: &SessionKeyId,
        key: &IdempotencyKey,
        fingerprint: &[u8; 32],
    ) -> Result<Begun> {
        let mut owner = [0; 16];
        rand_core::OsRng.fill_bytes(&mut owner);
        let claim = Self { key: format!("{session}#{key}"), owner };
        let now = state.clock.now_unix_s();
        let put = state
            .store
            .client()
            .put_item()
            .table_name(state.store.table(Store::IDEMPOTENCY_TABLE))
            .item("pk", text(claim.key.as_str()))
            .item("sk", text("request"))
            .item("state", text("in_flight"))
            .item("fingerprint", blob(*fingerprint))
            .item("owner", blob(owner))
            .item("lease_until", number(now + LEASE_S))
            .item("expires_at", number(now + IDEMPOTENCY_LIFETIME_S))
            .condition_expression(
                "attribute_not_exists(pk) OR expires_at <= :now \
                 OR (#state = :in_flight AND fingerprint = :fingerprint AND lease_until <= :now)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":in_flight", text("in_flight"))
            .expression_attribute_values(":fingerprint", blob(*fingerprint))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        reached(DurableStep::ClaimRequest, Moment::Before);
        match put.send().await {
            Ok(_) => {
                reached(DurableStep::ClaimRequest, Moment::After);
                Ok(Begun::First(claim))
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    match failed.item() {
                        Some(item) => earlier(item, fingerprint, &owner, now, claim.key),
                        // It went between the check and the answer.
                        None => Err(Error::Conflict),
                    }
                }
                _ => Err(fault_of(&error)),
            },
        }
    }

    /// The change that ends the request, for the transaction with the enclave's writes. It fails
    /// when another function has taken the lease over.
    pub(crate) fn end(&self, store: &Store, outcome: &Outcome<'_>) -> Result<TransactWriteItem> {
        let mut values = HashMap::from([(":owner".to_owned(), blob(self.owner))]);
        let mut set = |name: &str, value: AttributeValue| {
            values.insert(name.to_owned(), value);
        };
        let expression = match outcome {
            Outcome::Done { body, .. } if body.len() <= MAX_STORED_ANSWER_BYTES => {
                set(":state", text("done"));
                set(":answer", blob(*body));
                "SET #state = :state, answer = :answer REMOVE #owner, lease_until"
            }
            Outcome::Done { writes_digest, .. } => {
                set(":state", text("large"));
                set(":digest", blob(*writes_digest));
                "SET #state = :state, writes_digest = :digest REMOVE #owner, lease_until"
            }
            Outcome::Refused { code, detail } => {
                set(":state", text("refused"));
                set(":code", text(code.as_str()));
                set(":detail", text(detail.unwrap_or_default()));
                "SET #state = :state, code = :code, detail = :detail REMOVE #owner, lease_until"
            }
        };
        let update = Update::builder()
            .table_name(store.table(Store::IDEMPOTENCY_TABLE))
            .set_key(Some(self.primary_key()))
            .update_expression(expression)
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(|_| Error::Internal("update definition"))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Gives the request up, so that a retry starts anew. When this fails, the lease runs out.
    pub(crate) async fn release(self, store: &Store) {
        let delete = store
            .client()
            .delete_item()
            .table_name(store.table(Store::IDEMPOTENCY_TABLE))
            .set_key(Some(self.primary_key()))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", blob(self.owner));
        if let Err(error) = delete.send().await {
            let error = fault_of(&error);
            tracing::warn!(%error, "an idempotency lease stays until it runs out");
        }
    }

    fn primary_key(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), text(self.key.as_str())),
            ("sk".to_owned(), text("request")),
        ])
    }
}

/// Reads what an earlier try left.
fn earlier(
    item: &HashMap<String, AttributeValue>,
    fingerprint: &[u8; 32],
    owner: &[u8; 16],
    now: u64,
    key: String,
) -> Result<Begun> {
    const BROKEN: &str = "an idempotency row that does not parse";
    if bytes_of(item, "fingerprint") != Some(fingerprint) {
        return Err(Error::refused(ProblemCode::IdempotencyKeyReused));
    }
    match text_of(item, "state") {
        // The SDK repeated a put whose answer got lost: the row is ours.
        Some("in_flight") if bytes_of(item, "owner") == Some(owner) => {
            Ok(Begun::First(Claim { key, owner: *owner }))
        }
        Some("in_flight") => {
            let left_s = number_of(item, "lease_until").unwrap_or(now).saturating_sub(now);
            Err(Error::Refused {
                code: ProblemCode::IdempotencyInFlight,
                detail: None,
                // Most requests are much shorter than their lease.
                retry_after_s: Some(u32::try_from(left_s.clamp(1, 2)).unwrap_or(1)),
            })
        }
        Some("done") => bytes_of(item, "answer")
            .map(|answer| Begun::Done(answer.to_vec()))
            .ok_or(Error::StoreBroken(BROKEN.into())),
        Some("large") => bytes_of(item, "writes_digest")
            .and_then(|digest| digest.try_into().ok())
            .map(Begun::Large)
            .ok_or(Error::StoreBroken(BROKEN.into())),
        Some("refused") => {
            let code = text_of(item, "code")
                .and_then(|code| ProblemCode::ALL.iter().find(|known| known.as_str() == code))
                .ok_or(Error::StoreBroken(BROKEN.into()))?;
            let detail = text_of(item, "detail").filter(|detail| !detail.is_empty());
            Ok(Begun::Refused { code: *code, detail: detail.map(str::to_owned) })
        }
        _ => Err(Error::StoreBroken(BROKEN.into())),
    }
}
