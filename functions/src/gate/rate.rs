use super::ClientAddress;
use crate::error::{Error, Result};
use crate::state::State;
use crate::store::{Store, fault_of, number, number_of, text};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use sharekeep_schemas::{ProblemCode, TenantId, UserId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How often a token is tried to be taken, of a bucket as full or as one in use, before two that
/// race for one give up.
const ATTEMPTS: u32 = 8;
/// Most buckets whose use is remembered.
const MAX_BUSY: usize = 4_096;
const MINUTE_MS: u64 = 60_000;

/// A token bucket in the store, as the generic cell rate algorithm keeps it: one number, the time
/// at which the bucket will be full again. Each request moves it on by the time that one token
/// takes to come back, atomically and only if that stays within a full bucket.
pub(crate) struct Bucket {
    key: String,
    per_minute: u32,
}

/// What a caller is told about a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RateState {
    pub(crate) limit: u32,
    pub(crate) remaining: u64,
    pub(crate) reset_s: u64,
}

/// Where the state of the last bucket is left for the response's headers.
#[derive(Clone, Default)]
pub(crate) struct RateSlot(Arc<Mutex<Option<RateState>>>);

impl RateSlot {
    pub(crate) fn get(&self) -> Option<RateState> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: RateState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }
}

/// Until when buckets that were used here are surely in use, in milliseconds since 1970. Only a
/// guess at which of two updates will do: the store decides.
#[derive(Default)]
pub(crate) struct BusyBuckets(Mutex<HashMap<String, u64>>);

impl BusyBuckets {
    fn contain(&self, key: &str, now: u64) -> bool {
        let busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        busy.get(key).is_some_and(|full_at| *full_at > now)
    }

    fn note(&self, key: &str, full_at: u64) {
        let mut busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.len() >= MAX_BUSY {
            busy.clear();
        }
        busy.insert(key.to_owned(), full_at);
    }
}

/// What a bucket that was in use said, with the time at which it is full again.
enum Advance {
    Taken(u64),
    Empty(u64),
    Full,
}

impl Bucket {
    /// A user's requests.
    pub(crate) fn of_user(user: &UserId, per_minute: u32) -> Self {
        Self::new(format!("rate#user#{user}"), per_minute)
    }

    /// Guesses at a user's passcodes, and passcodes that they set: each costs the enclave public-key
    /// work, a write and an event. What protects a passcode is the enclave's own count.
    pub(crate) fn of_guesses(user: &UserId, state: &State) -> Self {
        Self::new(format!("rate#guesses#{user}"), state.config.guesses_per_minute_per_user)
    }

    /// A user's changes of factors and restores: they read and write nearly all that a user has.
    pub(crate) fn of_recoveries(user: &UserId, state: &State) -> Self {
        Self::new(format!("rate#recoveries#{user}"), state.config.recoveries_per_minute_per_user)
    }

    /// Takes a token for an unsigned request from each network that it comes from, the narrowest
    /// first: who has used up his own takes nothing from his neighbours.
    pub(crate) async fn take_of_address(
        address: ClientAddress,
        state: &State,
        slot: &RateSlot,
    ) -> Result<()> {
        for (network, times) in address.networks() {
            let per_minute = state.config.unsigned_per_minute_per_address.saturating_mul(times);
            Self::new(format!("rate#address#{network}"), per_minute).take(state, slot).await?;
        }
        Ok(())
    }

    /// Openings of sessions of one tenant. Only those that the enclave has accepted take a token:
    /// strangers without a valid one of the identity provider's cannot lock the tenant's users out.
    pub(crate) fn of_openings(tenant: &TenantId, state: &State) -> Self {
        let key = format!("rate#openings#{tenant}");
        Self::new(key, state.config.openings_per_minute_per_tenant)
    }

    fn new(key: String, per_minute: u32) -> Self {
        // A limit of none would be an outage by typing error; one a minute is as good as none.
        Self { key, per_minute: per_minute.clamp(1, 60_000) }
    }

    /// Takes one token, or refuses with the time until there is one.
    pub(crate) async fn take(&self, state: &State, slot: &RateSlot) -> Result<()> {
        // People pause longer between requests than a token takes: then the bucket is full.
        let mut in_use = state.busy_buckets.contain(&self.key, state.clock.now_unix_ms());
        for _ in 0..ATTEMPTS {
            let now = state.clock.now_unix_ms();
            let taken = if in_use {
                match self.advance(state, now).await? {
                    Advance::Taken(full_at) => Some(full_at),
                    Advance::Empty(full_at) => {
                        slot.set(self.state(now, full_at));
                        return Err(self.refusal(now, full_at));
                    }
                    Advance::Full => None,
                }
            } else {
                self.start(state, now).await?
            };
            if let Some(full_at) = taken {
                state.busy_buckets.note(&self.key, full_at);
                slot.set(self.state(now, full_at));
                return Ok(());
            }
            // It is the other; or became that, or was removed, between two attempts.
            in_use = !in_use;
        }
        Err(Error::Conflict)
    }

    /// Refuses as [`take`](Self::take) would, and takes nothing.
    pub(crate) async fn require(&self, state: &State, slot: &RateSlot) -> Result<()> {
        let now = state.clock.now_unix_ms();
        let get = state.store.client().get_item();
        let get = get.table_name(state.store.table(Store::LIMITS_TABLE)).consistent_read(true);
        let get = get.key("pk", text(self.key.as_str())).key("sk", text("bucket"));
        let found = get.send().await.map_err(|error| fault_of(&error))?;
        let full_at = found.item().and_then(|item| number_of(item, "full_at_ms")).unwrap_or(now);
        slot.set(self.state(now, full_at));
        if full_at > self.latest(now) { Err(self.refusal(now, full_at)) } else { Ok(()) }
    }

    /// How long one token takes to come back, in milliseconds.
    fn token_ms(&self) -> u64 {
        MINUTE_MS / u64::from(self.per_minute)
    }

    /// Latest full time at which a token can still be taken.
    fn latest(&self, now: u64) -> u64 {
        now + MINUTE_MS - self.token_ms()
    }

    /// Takes a token of a bucket that is not full.
    async fn advance(&self, state: &State, now: u64) -> Result<Advance> {
        let update = self
            .update(state, now)
            .update_expression("SET full_at_ms = full_at_ms + :token, expires_at = :expires_at")
            .condition_expression("full_at_ms > :now AND full_at_ms <= :latest")
            .expression_attribute_values(":token", number(self.token_ms()))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":latest", number(self.latest(now)))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(answer) => answer
                .attributes
                .and_then(|item| number_of(&item, "full_at_ms"))
                .map(Advance::Taken)
                .ok_or(Error::StoreBroken("a bucket without its number".into())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let full_at = failed.item().and_then(|item| number_of(item, "full_at_ms"));
                    Ok(full_at.filter(|at| *at > now).map_or(Advance::Full, Advance::Empty))
                }
                _ => Err(fault_of(&error)),
            },
        }
    }

    /// Takes the first token of a bucket that is full.
    async fn start(&self, state: &State, now: u64) -> Result<Option<u64>> {
        let full_at = now + self.token_ms();
        let update = self
            .update(state, now)
            .update_expression("SET full_at_ms = :full_at, expires_at = :expires_at")
            .condition_expression("attribute_not_exists(full_at_ms) OR full_at_ms <= :now")
            .expression_attribute_values(":full_at", number(full_at))
            .expression_attribute_values(":now", number(now));
        match update.send().await {
            Ok(_) => Ok(Some(full_at)),
            Err(error) if crate::store::is_condition_failure(&error) => Ok(None),
            Err(error) => Err(fault_of(&error)),
        }
    }

    fn update(
        &self,
        state: &State,
        now: u64,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        state
            .store
            .client()
            .update_item()
            .table_name(state.store.table(Store::LIMITS_TABLE))
            .key("pk", text(self.key.as_str()))
            .key("sk", text("bucket"))
            // A bucket untouched for a minute is full: as good as absent.
            .expression_attribute_values(":expires_at", number((now + 2 * MINUTE_MS) / 1000))
    }

    fn state(&self, now: u64, full_at: u64) -> RateState {
        let used_ms = full_at.saturating_sub(now);
        RateState {
            limit: self.per_minute,
            remaining: MINUTE_MS.saturating_sub(used_ms) / self.token_ms(),
            reset_s: used_ms.div_ceil(1000),
        }
    }

    fn refusal(&self, now: u64, full_at: u64) -> Error {
        let wait_ms = full_at.saturating_sub(self.latest(now)).max(1);
        Error::Refused {
            code: ProblemCode::RateLimited,
            detail: None,
            retry_after_s: Some(u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(60)),
        }
    }
}
