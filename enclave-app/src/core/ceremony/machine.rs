use super::plan::Plan;
use super::{DEVICE, Meta, SERVER};
use crate::core::stop::Refusal;
use crate::core::{Core, lock};
use sharekeep_mpc::{
    Ceremony, ExecutionId, Fault, KeyShare, MAX_BODY_BYTES, Phase, Preparation, Preparing, Roster,
    Signed, WireMessage, keygen, prepare, sign,
};
use sharekeep_schemas::ProblemCode;

/// The server's side of a running ceremony.
pub(super) enum Machine {
    Keygen(Ceremony<KeyShare>),
    Prepare(Ceremony<Preparation>),
    Sign(Ceremony<Signed>),
}

/// What came out.
pub(super) enum Output {
    Share(KeyShare),
    Preparation(Preparation),
    Signed,
}

impl Machine {
    /// Sets the server's side up. Costs CPU for some protocols: for a worker.
    pub(super) fn begin(
        plan: Plan,
        meta: &Meta,
        messages: &[WireMessage],
        core: &Core,
        now: u64,
    ) -> Result<Self, Refusal> {
        let execution = ExecutionId::from_bytes(meta.execution);
        let rng = &mut core.rng();
        let roster = Roster::new(SERVER, &[DEVICE, SERVER]).map_err(fault)?;
        match plan {
            Plan::Keygen { scheme } => {
                keygen(scheme, execution, roster, 2, rng).map(Self::Keygen).map_err(fault)
            }
            Plan::Prepare { share: Some(share) } => {
                let from = Preparing::Dkls23 { share: &share };
                prepare(execution, roster, from, rng).map(Self::Prepare).map_err(fault)
            }
            Plan::Prepare { share: None } => {
                if !opens(messages, &execution) {
                    return Err(ProblemCode::CeremonyFault.into());
                }
                let slot = lock(&core.memory).count_preparation(meta.user, now)?;
                let primes = core.primes.take().ok_or_else(|| {
                    lock(&core.memory).uncount_preparation(&slot);
                    core.primes_not_ready()
                })?;
                let from = Preparing::Cggmp24 { primes };
                prepare(execution, roster, from, rng).map(Self::Prepare).map_err(fault)
            }
            Plan::Sign { protocol, share, preparation, input } => {
                let preparation = preparation
                    .map(|record| record.preparation())
                    .transpose()
                    .map_err(|_| ProblemCode::RecordRefused)?;
                let preparation = preparation.as_ref();
                sign(protocol, execution, roster, &share, preparation, &input, rng)
                    .map(Self::Sign)
                    .map_err(fault)
            }
        }
    }

    pub(super) fn step(&mut self, messages: Vec<WireMessage>) -> Result<Vec<WireMessage>, Fault> {
        match self {
            Self::Keygen(ceremony) => ceremony.step(messages),
            Self::Prepare(ceremony) => ceremony.step(messages),
            Self::Sign(ceremony) => ceremony.step(messages),
        }
    }

    /// The result, once there is one.
    pub(super) fn output(&mut self) -> Option<Output> {
        match self {
            Self::Keygen(ceremony) if ceremony.phase() == Phase::Done => {
                ceremony.take_output().map(Output::Share)
            }
            Self::Prepare(ceremony) if ceremony.phase() == Phase::Done => {
                ceremony.take_output().map(Output::Preparation)
            }
            Self::Sign(ceremony) if ceremony.phase() == Phase::Done => {
                ceremony.take_output().map(|_| Output::Signed)
            }
            _ => None,
        }
    }
}

/// Whether these could be a device's first messages: primes took minutes to find, and are not spent
/// on what cannot be a preparation.
fn opens(messages: &[WireMessage], execution: &ExecutionId) -> bool {
    let [message] = messages else { return false };
    message.execution == *execution
        && message.from == DEVICE
        && message.to.is_none_or(|to| to == SERVER)
        && message.round == 1
        && (1..=MAX_BODY_BYTES).contains(&message.body.len())
}

/// The fault is not told in detail: which check failed is for nobody outside.
fn fault(_: Fault) -> Refusal {
    ProblemCode::CeremonyFault.into()
}
