use super::machine::Machine;
use super::plan::Plan;
use super::registry::{Last, State};
use super::write::{ENDED, STARTED};
use super::{Meta, locked};
use crate::core::encapsulated::seal_answer;
use crate::core::stop::{Done, Refusal, Stop};
use crate::core::vault::Vault;
use crate::core::{Core, lock};
use serde_bytes::ByteBuf;
use sharekeep_channel::encapsulation::ResponseSealer;
use sharekeep_mpc::WireMessage;
use sharekeep_schemas::enclave::Reply;
use sharekeep_schemas::sealed::CeremonyAnswer;
use sharekeep_schemas::{CeremonyState, ProblemCode, codec};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One step of a ceremony, for a worker. The ceremony is busy until it was run or declined.
pub struct Job {
    pub(super) meta: Meta,
    pub(super) vault: Vault,
    pub(super) digest: [u8; 32],
    pub(super) responder: ResponseSealer,
    pub(super) step: u32,
    pub(super) messages: Vec<WireMessage>,
    pub(super) stage: Stage,
    pub(super) now: u64,
}

pub(super) enum Stage {
    /// The first step also sets the server's side up.
    Begin(Box<Plan>),
    Go(Box<Machine>),
}

/// Why a step ended its ceremony.
enum End {
    /// Nothing was said yet: the same start may come again.
    NotStarted(Refusal),
    /// The ceremony is over.
    Over(Refusal),
}

impl Job {
    /// Runs the step.
    pub fn run(self, core: &Core) -> Reply {
        let (id, now) = (self.meta.id(), self.now);
        // A panic must not leave the ceremony busy for ever, nor tell anybody anything.
        let result = catch_unwind(AssertUnwindSafe(|| self.advance(core)))
            .unwrap_or_else(|_| Err(End::Over(ProblemCode::Internal.into())));
        match result {
            Ok(done) => done.into(),
            Err(End::NotStarted(refusal)) => {
                lock(&core.ceremonies).unreserve(&id);
                refusal.into()
            }
            Err(End::Over(refusal)) => {
                lock(&core.ceremonies).finish(&id, now);
                refusal.into()
            }
        }
    }

    /// No worker is free: everything stays as it was, and the same request may come again.
    pub fn decline(self, core: &Core) -> Reply {
        let id = self.meta.id();
        let mut registry = lock(&core.ceremonies);
        match self.stage {
            Stage::Begin(_) => registry.unreserve(&id),
            Stage::Go(machine) => {
                if let Some(entry) = registry.get(&id, self.now)
                    && matches!(entry.state, State::Busy)
                {
                    entry.state = State::Waiting(machine);
                }
            }
        }
        Refusal::later(ProblemCode::Overloaded, 1).into()
    }

    fn advance(self, core: &Core) -> Result<Done, End> {
        let Self { meta, vault, digest, responder, step, messages, stage, now } = self;
        let mut machine = match stage {
            Stage::Go(machine) => machine,
            Stage::Begin(plan) => Box::new(
                Machine::begin(*plan, &meta, &messages, core, now).map_err(End::NotStarted)?,
            ),
        };
        let stepped = machine.step(messages);
        // Another ceremony of the pair may have failed since this one was handed over; then not even
        // how this step went is told.
        if core.is_locked(&meta) {
            return Err(End::Over(locked::refusal(vec![])));
        }
        let said = stepped.map_err(|fault| {
            // Memory first: a function that never commits this undoes nothing.
            let cheated = fault.is_cheating();
            if cheated {
                core.lock_after(&meta, now);
            }
            // What never was on record needs no end there.
            let end = (step > 1).then(|| core.end_ceremony(&vault, &meta, CeremonyState::Aborted));
            let mut writes: Vec<_> = end.into_iter().flatten().collect();
            if cheated {
                writes.extend(meta.locks.iter().cloned());
            }
            End::Over(Refusal::writing(ProblemCode::CeremonyFault, writes))
        })?;
        let output = machine.output();
        let over = output.is_some();
        let state = if over { CeremonyState::Complete } else { CeremonyState::Running };
        let failed = |stop: Stop| match stop {
            Stop::Refuse(refusal) => End::Over(refusal),
            _ => End::Over(ProblemCode::Internal.into()),
        };

        let mut writes = Vec::new();
        let mut recorded = None;
        if step == 1 {
            writes.push(core.begin_ceremony(&vault, &meta, state).map_err(failed)?);
            recorded = Some((STARTED, state));
        } else if over {
            writes.push(core.end_ceremony(&vault, &meta, state).map_err(failed)?);
            recorded = Some((ENDED, state));
        }
        let mut result = None;
        if let Some(output) = output {
            let (write, what) = core.outcome(&vault, &meta, output).map_err(failed)?;
            writes.extend(write);
            result = Some(what);
        }
        let answer = CeremonyAnswer {
            ceremony: meta.id(),
            step,
            messages: said.iter().map(|message| ByteBuf::from(codec::encode(message))).collect(),
            state,
            result,
        };
        let body = seal_answer(core, responder, &answer).map_err(failed)?;
        let done = Done { body, writes };
        let last = Last { digest, done: done.clone(), recorded };
        let machine = (!over).then_some(machine);
        if !lock(&core.ceremonies).put_back(&meta.id(), step, machine, last, now) {
            return Err(End::Over(locked::refusal(vec![])));
        }
        Ok(done)
    }
}
