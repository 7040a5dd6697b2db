//! The user's recovery key and factors.

mod change;
mod open;

use super::authenticate::Caller;
use super::memory::RecoveryMark;
use super::records::unfit;
use super::stop::{Refusal, Stop};
use super::write::Content;
use super::{Request, lock};
use crate::record::{FactorRecord, RecoveryRecord, RegisteredFactor};
use sha2::{Digest, Sha256};
use sharekeep_recovery::wrap_hash;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, Row, Write};
use sharekeep_schemas::{FactorId, ProblemCode, UserId};
use std::collections::BTreeMap;

/// The recovery record as the store holds it.
pub(super) struct Current {
    pub(super) record: RecoveryRecord,
    pub(super) version: u64,
}

impl Current {
    /// Of the current recovery key.
    pub(super) fn generation(&self) -> u64 {
        self.record.set.recovery.generation
    }
}

impl Request<'_> {
    /// The caller's recovery record, if recovery was set up.
    pub(super) fn recovery(&self, caller: &Caller) -> Result<Option<Current>, Stop> {
        let user = caller.session.user;
        let Some(opened) = self.opened(caller, &RecordKey::Recovery(user))? else {
            // It is never deleted: a store that hides it would have others set up in its place.
            return if lock(&self.core.memory).has_seen_recovery(user) {
                Err(ProblemCode::Conflict.into())
            } else {
                Ok(None)
            };
        };
        let record = RecoveryRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        if record.set.user != user || record.set.tenant != caller.session.tenant {
            return Err(unfit());
        }
        let version = opened.version.record_version;
        let sequence = record.set.sequence;
        let statement = Sha256::digest(&record.statement).into();
        let mark = RecoveryMark { version, sequence, statement };
        // An older record than was read before: set back, or only read before a change.
        if !lock(&self.core.memory).accept_recovery(user, mark) {
            return Err(ProblemCode::Conflict.into());
        }
        Ok(Some(Current { record, version }))
    }

    /// The write that puts the same record again, under the next version: whoever decided by what
    /// belongs to it must read again.
    pub(super) fn touch_recovery(&self, caller: &Caller, current: &Current) -> Result<Write, Stop> {
        let plaintext = current.record.encode();
        let content = Content::lasting(&plaintext, Row::Empty);
        let key = RecordKey::Recovery(caller.session.user);
        self.put(caller, key, Some(current.version), content)
    }

    /// Refuses a registered factor that is not as the user's list says: a store brought back one
    /// that was removed, or list and factor were read at two moments.
    pub(super) fn require_listed(
        &self,
        current: Option<&Current>,
        factor: FactorId,
        registered: &RegisteredFactor,
    ) -> Result<(), Stop> {
        let listed = current.and_then(|current| current.record.set.factor(factor));
        let same = listed.is_some_and(|listed| {
            listed.kind == registered.kind
                && listed.wrap_hash == wrap_hash(&registered.wrapped_seed)
        });
        if same { Ok(()) } else { Err(ProblemCode::Conflict.into()) }
    }

    /// The recovery record of a user who can still come back: recovery is set up, and wrong guesses
    /// have not used up every factor.
    pub(super) fn usable_recovery(&self, caller: &Caller) -> Result<Current, Stop> {
        let missing = |detail| Refusal::saying(ProblemCode::BackupMissing, detail);
        let current = self.recovery(caller)?.ok_or_else(|| missing("set up recovery first"))?;
        let user = caller.session.user;
        let mut usable = false;
        for (id, factor) in self.listed_factors(caller, Some(&current))? {
            usable |= self.still_opens(user, id, &factor);
        }
        if usable {
            return Ok(current);
        }
        Err(missing("wrong guesses have used up every factor").into())
    }

    /// The factors that the user's list names, each as it says, in its order.
    fn listed_factors(
        &self,
        caller: &Caller,
        current: Option<&Current>,
    ) -> Result<Vec<(FactorId, RegisteredFactor)>, Stop> {
        let mut factors = self.factors(caller)?;
        let mut found = Vec::new();
        for listed in current.iter().flat_map(|current| &current.record.set.factors) {
            // List and factors may have been read at two moments.
            let (factor, _) = factors.remove(&listed.id).ok_or(ProblemCode::Conflict)?;
            self.require_listed(current, listed.id, &factor)?;
            found.push((listed.id, factor));
        }
        Ok(found)
    }

    /// Whether a factor may still open, by its record and by what this life knows of its guesses.
    fn still_opens(&self, user: UserId, id: FactorId, factor: &RegisteredFactor) -> bool {
        factor.lock.may_open() && !lock(&self.core.memory).guesses.is_spent(&(user, id))
    }

    /// The caller's registered factors with their versions.
    fn factors(
        &self,
        caller: &Caller,
    ) -> Result<BTreeMap<FactorId, (RegisteredFactor, u64)>, Stop> {
        let mine = caller.session.user;
        let mut factors = BTreeMap::new();
        for stored in self.records.all(&RecordQuery::FactorsOf(mine))? {
            let RecordKey::Factor { user, factor } = stored.key else { return Err(unfit()) };
            if user != mine {
                return Err(unfit());
            }
            let opened = self.open(&caller.vault, caller.user(), &stored.key, &stored.bytes)?;
            let record = FactorRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
            // Somebody can have decoys made in any number, and an honest function lists none.
            let FactorRecord::Registered(record) = record else { continue };
            if factors.insert(factor, (record, opened.version.record_version)).is_some() {
                return Err(unfit());
            }
        }
        Ok(factors)
    }
}
