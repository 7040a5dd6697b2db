//! The device's side of every ceremony: steps the protocol here, carries its messages to the
//! enclave and back, one sealed POST a step.

pub(crate) mod binding;
mod cheating;
mod keygen;
mod prepare;
mod sign;

pub use keygen::NewWallet;
pub use sign::SignedMessage;

use crate::home::{OpenHome, Session};
use crate::progress::{Progress, Step};
use crate::{Client, Error, Result};
use rand_core::{OsRng, RngCore};
use serde::Serialize;
use serde_bytes::ByteBuf;
use sharekeep_channel::encapsulation::EnclavePublicKey;
use sharekeep_mpc::{Ceremony, ExecutionId, Fault, MAX_BODY_BYTES, Phase, WireMessage};
use sharekeep_schemas::limits::MAX_MESSAGES_PER_STEP;
use sharekeep_schemas::sealed::{
    CeremonyAborted, CeremonyAnswer, CeremonyResult, Plain, StepCeremony, VERSION,
};
use sharekeep_schemas::{CeremonyId, CeremonyState, codec};
use std::time::Duration;

/// The protocols need three; a service that asks for ever more is not followed.
const MAX_STEPS: u32 = 8;
/// The CBOR around a message's body.
const MESSAGE_OVERHEAD_BYTES: usize = 256;

/// A user at work: signed in, on an opened device.
pub struct SignedIn<'a> {
    client: &'a Client,
    home: &'a OpenHome,
    session: &'a Session,
    progress: &'a dyn Progress,
}

/// What a ceremony brought. The enclave's last answer may be missing although this side has its
/// result: it then is up to the kind of ceremony whether that is enough.
struct Finished<O> {
    output: O,
    server: Result<CeremonyResult>,
}

/// Where a ceremony starts, and with what around its first messages.
struct Start<'p, P> {
    path: &'static str,
    payload: &'p (dyn Fn(Vec<ByteBuf>) -> P + Sync),
    /// `None`: the client's own.
    patience: Option<Duration>,
}

impl<'a> SignedIn<'a> {
    /// Puts the parts together.
    pub fn new(
        client: &'a Client,
        home: &'a OpenHome,
        session: &'a Session,
        progress: &'a dyn Progress,
    ) -> Self {
        Self { client, home, session, progress }
    }

    pub(crate) fn client(&self) -> &Client {
        self.client
    }

    pub(crate) fn home(&self) -> &OpenHome {
        self.home
    }

    pub(crate) fn session(&self) -> &Session {
        self.session
    }

    pub(crate) fn progress(&self) -> &dyn Progress {
        self.progress
    }

    async fn drive<O: Send + 'static, P: Serialize>(
        &self,
        enclave: &EnclavePublicKey,
        ceremony: Ceremony<O>,
        start: Start<'_, P>,
    ) -> Result<Finished<O>> {
        let id = binding::ceremony_id(&ceremony.execution_id());
        let (mut ceremony, first) = step(ceremony, vec![]).await?;
        let payload = (start.payload)(first);
        self.progress.report(Step::Ceremony { step: 1 });
        let waiting = |error: &Error, pause| {
            self.progress.report(Step::Waiting { code: error.code(), pause });
        };
        let mut answer: CeremonyAnswer = self
            .client
            .call_patiently(self.session, enclave, start.path, &payload, start.patience, &waiting)
            .await?;
        let mut number = 1;
        loop {
            check_answer(&answer, id, number)?;
            let incoming = read_messages(&answer.messages)?;
            let (next, outgoing) = match step(ceremony, incoming).await {
                Ok(stepped) => stepped,
                Err(error) => {
                    self.abort(enclave, id).await;
                    return Err(error);
                }
            };
            ceremony = next;
            let done = matches!(ceremony.phase(), Phase::Done);
            if answer.state == CeremonyState::Complete {
                let output = ceremony.take_output().filter(|_| outgoing.is_empty());
                let output = output.ok_or(Error::Disagreement("end of the ceremony"))?;
                let server = answer.result.ok_or(Error::Answer("a result is missing"));
                return Ok(Finished { output, server });
            }
            number += 1;
            if outgoing.is_empty() || number > MAX_STEPS {
                self.abort(enclave, id).await;
                return Err(Error::Disagreement("end of the ceremony"));
            }
            self.progress.report(Step::Ceremony { step: number });
            let path = format!("/v1/ceremonies/{id}/steps");
            let payload = StepCeremony { version: VERSION, step: number, messages: outgoing };
            match self.client.call(self.session, enclave, &path, &payload).await {
                Ok(next) => answer = next,
                // This side is done, the other only was to be told.
                Err(error) if done => {
                    let output = ceremony.take_output();
                    let output = output.ok_or(Error::Disagreement("end of the ceremony"))?;
                    return Ok(Finished { output, server: Err(error) });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the enclave that a ceremony is over. It would find out by itself a few minutes later,
    /// so a failure changes nothing.
    async fn abort(&self, enclave: &EnclavePublicKey, id: CeremonyId) {
        let path = format!("/v1/ceremonies/{id}/abort");
        let _: Result<CeremonyAborted> =
            self.client.call(self.session, enclave, &path, &Plain::default()).await;
    }
}

/// Steps the protocol off the async threads: a step may cost seconds of CPU.
async fn step<O: Send + 'static>(
    mut ceremony: Ceremony<O>,
    incoming: Vec<WireMessage>,
) -> Result<(Ceremony<O>, Vec<ByteBuf>)> {
    tokio::task::spawn_blocking(move || {
        let said = ceremony.step(incoming).map_err(Error::Fault)?;
        let said = said.iter().map(|message| ByteBuf::from(codec::encode(message))).collect();
        Ok((ceremony, said))
    })
    .await
    .unwrap_or(Err(Error::Fault(Fault::Aborted)))
}

fn check_answer(answer: &CeremonyAnswer, id: CeremonyId, number: u32) -> Result<()> {
    // Both ends hash everything that matters into the id: equal ids mean that they agree.
    if answer.ceremony != id {
        return Err(Error::Disagreement("ceremony's id"));
    }
    if answer.step != number {
        return Err(Error::Disagreement("number of the step"));
    }
    match answer.state {
        CeremonyState::Aborted => Err(Error::Disagreement("state of the ceremony")),
        CeremonyState::Running | CeremonyState::Complete => Ok(()),
    }
}

fn read_messages(messages: &[ByteBuf]) -> Result<Vec<WireMessage>> {
    if messages.len() > MAX_MESSAGES_PER_STEP {
        return Err(Error::Answer("it holds too many messages"));
    }
    messages
        .iter()
        .map(|bytes| codec::decode(bytes, MAX_BODY_BYTES + MESSAGE_OVERHEAD_BYTES))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::Answer("a protocol message is malformed"))
}

/// Both sides' freshness: this half is the client's, the other one is the enclave's key id.
fn fresh_nonce() -> [u8; 32] {
    let mut nonce = [0; 32];
    OsRng.fill_bytes(&mut nonce);
    nonce
}

fn preparation_id(execution: &ExecutionId) -> sharekeep_schemas::PreparationId {
    sharekeep_schemas::PreparationId::new(*execution.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(ceremony: u8, step: u32, state: CeremonyState) -> CeremonyAnswer {
        let ceremony = CeremonyId::new([ceremony; 16]);
        CeremonyAnswer { ceremony, step, messages: vec![], state, result: None }
    }

    #[test]
    fn an_answer_for_another_ceremony_or_step_is_refused() {
        let check = |a: &CeremonyAnswer| check_answer(a, CeremonyId::new([1; 16]), 2);
        assert!(check(&answer(1, 2, CeremonyState::Running)).is_ok());
        assert!(check(&answer(9, 2, CeremonyState::Running)).is_err());
        assert!(check(&answer(1, 1, CeremonyState::Running)).is_err());
        assert!(check(&answer(1, 2, CeremonyState::Aborted)).is_err());
    }

    #[test]
    fn too_many_or_malformed_messages_are_refused() {
        let flood = vec![ByteBuf::from(vec![0]); MAX_MESSAGES_PER_STEP + 1];
        assert!(read_messages(&flood).is_err());
        assert!(read_messages(&[ByteBuf::from(vec![0xff])]).is_err());
        assert!(read_messages(&[ByteBuf::from(vec![0; MAX_BODY_BYTES + 257])]).is_err());
    }
}
