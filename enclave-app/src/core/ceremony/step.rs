use super::job::{Job, Stage};
use super::registry::State;
use super::{decode_messages, locked, scope_of};
use crate::core::stop::{Outcome, Refusal, Stop};
use crate::core::{Request, lock};
use sharekeep_schemas::sealed::StepCeremony;
use sharekeep_schemas::{CeremonyId, CeremonyKind, CeremonyState, ProblemCode};

impl Request<'_> {
    /// Takes a running ceremony on by one step. The exact request of the last step gets its answer
    /// again; another body for a taken step ends the ceremony, since two answers to one round can
    /// give the key away.
    pub(in crate::core) fn step_ceremony(&self, id: CeremonyId) -> Result<Outcome, Stop> {
        let caller = self.authenticate()?;
        let envelope = self.open_body(&caller)?;
        let payload: StepCeremony = envelope.payload()?;
        let mut registry = lock(&self.core.ceremonies);
        let entry = registry.get(&id, self.now).ok_or(ProblemCode::CeremonyUnknown)?;
        if entry.meta.user != caller.session.user || entry.meta.device != caller.session.device {
            return Err(ProblemCode::CeremonyUnknown.into());
        }
        caller.require(scope_of(entry.meta.kind))?;
        let meta = entry.meta.clone();
        if let Some(last) = &entry.last
            && payload.step <= entry.step
        {
            if payload.step == entry.step && last.digest == envelope.digest {
                let (done, recorded) = (last.done.clone(), last.recorded);
                drop(registry);
                return self.without_committed(&caller, id, done, recorded).map(Outcome::Done);
            }
            let running = matches!(entry.state, State::Waiting(_));
            if running {
                registry.finish(&id, self.now);
            }
            drop(registry);
            let writes = if running {
                vec![self.core.end_ceremony(&caller.vault, &meta, CeremonyState::Aborted)?]
            } else {
                vec![]
            };
            return Err(Refusal::writing(ProblemCode::CeremonyForked, writes).into());
        }
        match &entry.state {
            State::Over if self.core.is_locked(&meta) => return Err(locked::refusal(vec![]).into()),
            State::Over => return Err(ProblemCode::CeremonyStep.into()),
            State::Busy => return Err(ProblemCode::Conflict.into()),
            State::Waiting(_) if payload.step != entry.step + 1 => {
                return Err(ProblemCode::CeremonyStep.into());
            }
            State::Waiting(_) => {}
        }
        let messages = decode_messages(&payload.messages)?;
        if meta.kind == CeremonyKind::Sign
            && let Some(wallet) = meta.wallet
        {
            let mark = lock(&self.core.memory).wallet(meta.user, wallet);
            if mark.archived || mark.locked {
                registry.finish(&id, self.now);
                drop(registry);
                let end = self.core.end_ceremony(&caller.vault, &meta, CeremonyState::Aborted)?;
                return Err(Refusal::writing(ProblemCode::WalletState, vec![end]).into());
            }
        }
        let State::Waiting(machine) = std::mem::replace(&mut entry.state, State::Busy) else {
            return Err(ProblemCode::CeremonyStep.into());
        };
        Ok(Outcome::Work(Box::new(Job {
            meta,
            vault: caller.vault,
            digest: envelope.digest,
            responder: envelope.responder,
            step: payload.step,
            messages,
            stage: Stage::Go(machine),
            now: self.now,
        })))
    }
}
