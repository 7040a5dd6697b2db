use super::registry::State;
use super::scope_of;
use crate::core::authenticate::Caller;
use crate::core::stop::{Done, Stop};
use crate::core::{Request, lock};
use crate::record::CeremonyRecord;
use sharekeep_schemas::enclave::{Condition, RecordKey};
use sharekeep_schemas::sealed::{CeremonyAborted, Plain};
use sharekeep_schemas::{CeremonyId, CeremonyState, ProblemCode};

impl Request<'_> {
    /// Ends a ceremony, also one that a former enclave ran.
    pub(in crate::core) fn abort_ceremony(&self, id: CeremonyId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        let envelope = self.open_body(&caller)?;
        envelope.payload::<Plain>()?;
        let unknown = ProblemCode::CeremonyUnknown;
        let recorded = self.ceremony_record(&caller, id)?;
        if let Some((record, _)) = &recorded {
            caller.require(scope_of(record.kind))?;
        }
        let mut completed = false;
        let in_memory = {
            let mut registry = lock(&self.core.ceremonies);
            match registry.get(&id, self.now) {
                Some(entry) if entry.meta.user == caller.session.user => {
                    caller.require(scope_of(entry.meta.kind))?;
                    match entry.state {
                        State::Busy => return Err(ProblemCode::Conflict.into()),
                        State::Waiting(_) => {
                            registry.finish(&id, self.now);
                            true
                        }
                        State::Over => {
                            let recorded = entry.last.as_ref().and_then(|last| last.recorded);
                            completed =
                                recorded.is_some_and(|(_, state)| state == CeremonyState::Complete);
                            false
                        }
                    }
                }
                _ => false,
            }
        };
        let writes = match recorded {
            // It is complete and only not committed yet: ending it on record would lose what came
            // out, of which the client may hold its half.
            Some((record, _)) if completed && record.state == CeremonyState::Running => {
                return Err(ProblemCode::CeremonyStep.into());
            }
            Some((record, version)) if record.state == CeremonyState::Running => {
                let ended = CeremonyRecord { state: CeremonyState::Aborted, ..record };
                let user = caller.session.user;
                let condition = Condition::Version(version);
                vec![self.core.write_ceremony(
                    &caller.vault,
                    user,
                    &ended,
                    version + 1,
                    condition,
                )?]
            }
            Some((record, _)) if record.state == CeremonyState::Aborted => vec![],
            // Its start was never committed: ending it in memory is all there is to do.
            None if in_memory => vec![],
            _ => return Err(unknown.into()),
        };
        let body = envelope.answer(self.core, &CeremonyAborted { ceremony: id })?;
        Ok(Done { body, writes })
    }

    /// What is on record about the caller's ceremony, with the version that the store holds.
    /// Somebody else's does not open, and that looks as if there were none.
    pub(super) fn ceremony_record(
        &self,
        caller: &Caller,
        id: CeremonyId,
    ) -> Result<Option<(CeremonyRecord, u64)>, Stop> {
        let key = RecordKey::Ceremony(id);
        let Some(sealed) = self.records.one(&key)? else { return Ok(None) };
        match self.open(&caller.vault, caller.user(), &key, sealed) {
            Ok(opened) => {
                let record = CeremonyRecord::decode(&opened.plaintext)
                    .map_err(|_| ProblemCode::CeremonyUnknown)?;
                Ok(Some((record, opened.version.record_version)))
            }
            Err(Stop::Refuse(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }
}
