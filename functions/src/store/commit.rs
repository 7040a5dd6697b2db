use super::item::{item_of, primary_key};
use super::{Store, fault_of, number, text};
use crate::author::Allowed;
use crate::error::{Error, Result};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put as PutItem, TransactWriteItem};
use sharekeep_schemas::UserId;
use sharekeep_schemas::enclave::{Condition, RecordKey, Write};
use sharekeep_schemas::limits::MAX_WRITES_PER_COMMIT;
use sharekeep_steps::{DurableStep, Moment, reached};
use std::time::Duration;

/// How often a transaction that only collided with another one is tried. DynamoDB cancels both
/// sides of a collision without looking at their conditions.
const COLLISION_ATTEMPTS: u32 = 4;
/// Pause before the second attempt; doubled for each further one.
const COLLISION_PAUSE: Duration = Duration::from_millis(10);

impl Store {
    /// Commits writes in one transaction: all or none. The step says whose they are. Believes whoever
    /// calls it: an enclave's go through its author's rules first.
    ///
    /// Fails with [`Error::Conflict`] when a condition does not hold.
    pub async fn commit(&self, step: DurableStep, writes: &[Write], now_unix_s: u64) -> Result<()> {
        self.commit_allowed(step, &Allowed { writes, user: None }, None, now_unix_s).await
    }

    /// Commits an enclave's writes, and one more change of the functions' own in the transaction.
    pub(crate) async fn commit_allowed(
        &self,
        step: DurableStep,
        allowed: &Allowed<'_>,
        own: Option<TransactWriteItem>,
        now_unix_s: u64,
    ) -> Result<()> {
        let Allowed { writes, user } = *allowed;
        if writes.len() > MAX_WRITES_PER_COMMIT {
            return Err(Error::EnclaveBroken("too many writes"));
        }
        let mut items = writes
            .iter()
            .map(|write| self.transact_item(write, user, now_unix_s))
            .collect::<Result<Vec<_>>>()?;
        items.extend(own);
        if items.is_empty() {
            return Ok(());
        }
        reached(step, Moment::Before);
        self.transact_patiently(items).await?;
        reached(step, Moment::After);
        Ok(())
    }

    async fn transact_patiently(&self, items: Vec<TransactWriteItem>) -> Result<()> {
        let mut pause = COLLISION_PAUSE;
        for _ in 1..COLLISION_ATTEMPTS {
            match self.transact(items.clone()).await {
                Err(Cancelled::Collision) => tokio::time::sleep(pause).await,
                other => return other.map_err(Error::from),
            }
            pause *= 2;
        }
        self.transact(items).await.map_err(Error::from)
    }

    async fn transact(&self, items: Vec<TransactWriteItem>) -> std::result::Result<(), Cancelled> {
        // The SDK adds a token, so that its own retry of a transaction whose answer got lost is
        // answered with that transaction's success.
        match self.client.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(cancellation(&error)),
        }
    }

    fn transact_item(
        &self,
        write: &Write,
        user: Option<UserId>,
        now_unix_s: u64,
    ) -> Result<TransactWriteItem> {
        let table = self.table(write.key.table());
        if let Condition::Unchanged(version) = write.condition {
            if write.put.is_some() {
                return Err(Error::EnclaveBroken("a change of what shall stay"));
            }
            let check = ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(primary_key(&write.key)))
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", number(version))
                .build()
                .map_err(|_| Error::Internal("condition check definition"))?;
            return Ok(TransactWriteItem::builder().condition_check(check).build());
        }
        match &write.put {
            Some(put) => {
                let builder =
                    PutItem::builder().table_name(table).set_item(Some(item_of(&write.key, put)?));
                let builder = match write.condition {
                    // A record whose time is over is gone for readers: it must not stand in the
                    // way of writers until TTL has removed it.
                    Condition::Absent => builder
                        .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                        .expression_attribute_values(":now", number(now_unix_s)),
                    Condition::Version(version) => builder
                        .condition_expression("#version = :version")
                        .expression_attribute_names("#version", "version")
                        .expression_attribute_values(":version", number(version)),
                    Condition::Any | Condition::Unchanged(_) => builder,
                };
                let put = builder.build().map_err(|_| Error::Internal("put definition"))?;
                Ok(TransactWriteItem::builder().put(put).build())
            }
            None => {
                let builder =
                    Delete::builder().table_name(table).set_key(Some(primary_key(&write.key)));
                let builder = match write.condition {
                    Condition::Absent => builder.condition_expression("attribute_not_exists(pk)"),
                    Condition::Version(version) => builder
                        .condition_expression("#version = :version")
                        .expression_attribute_names("#version", "version")
                        .expression_attribute_values(":version", number(version)),
                    Condition::Any | Condition::Unchanged(_) => match (&write.key, user) {
                        // Nobody's but the user's: whoever lies about it ends no other's session.
                        (RecordKey::Session(_), Some(user)) => builder
                            .condition_expression("attribute_not_exists(pk) OR #user = :user")
                            .expression_attribute_names("#user", "user")
                            .expression_attribute_values(":user", text(user.to_string())),
                        _ => builder,
                    },
                };
                let delete = builder.build().map_err(|_| Error::Internal("delete definition"))?;
                Ok(TransactWriteItem::builder().delete(delete).build())
            }
        }
    }
}

/// Why a transaction did not happen.
enum Cancelled {
    /// It met another transaction; its conditions were not looked at.
    Collision,
    /// Anything else.
    For(Error),
}

impl From<Cancelled> for Error {
    fn from(cancelled: Cancelled) -> Self {
        match cancelled {
            Cancelled::Collision => Self::Conflict,
            Cancelled::For(error) => error,
        }
    }
}

fn cancellation<R>(error: &SdkError<TransactWriteItemsError, R>) -> Cancelled {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return Cancelled::For(fault_of(error));
    };
    let codes: Vec<&str> =
        cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    let any = |code| codes.contains(&code);
    if any("ConditionalCheckFailed") {
        Cancelled::For(Error::Conflict)
    } else if any("TransactionConflict") {
        Cancelled::Collision
    } else if any("ThrottlingError") || any("ProvisionedThroughputExceeded") {
        Cancelled::For(Error::StoreUnavailable("throttled".into()))
    } else {
        // An item too large, one named twice: the enclave asked for the impossible.
        Cancelled::For(Error::EnclaveBroken("writes the store refuses"))
    }
}
