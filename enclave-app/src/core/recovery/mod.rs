//! The user's recovery key and factors.

mod change;
mod open;

use super::authenticate::Caller;
use super::records::unfit;
use super::stop::Stop;
use super::write::Content;
use super::{Request, lock};
use crate::record::{FactorRecord, RecoveryRecord};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, Row, Write};
use sharekeep_schemas::{FactorId, ProblemCode};
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
        // An older record than was read before: set back, or only read before a change.
        if !lock(&self.core.memory).accept_recovery(user, version) {
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

    /// All the caller's factor records with their versions, decoys too.
    pub(super) fn factors(
        &self,
        caller: &Caller,
    ) -> Result<BTreeMap<FactorId, (FactorRecord, u64)>, Stop> {
        let mine = caller.session.user;
        let mut factors = BTreeMap::new();
        for stored in self.records.all(&RecordQuery::FactorsOf(mine))? {
            let RecordKey::Factor { user, factor } = stored.key else { return Err(unfit()) };
            if user != mine {
                return Err(unfit());
            }
            let opened = self.open(&caller.vault, caller.user(), &stored.key, &stored.bytes)?;
            let record = FactorRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
            if factors.insert(factor, (record, opened.version.record_version)).is_some() {
                return Err(unfit());
            }
        }
        Ok(factors)
    }
}
