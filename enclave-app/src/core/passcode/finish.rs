use super::binding;
use crate::core::memory::{Login, Pending, Taken};
use crate::core::stop::{Done, Stop};
use crate::core::{Request, lock};
use crate::record::{FactorLock, FactorRecord};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{FinishGuess, GuessFinished};
use sharekeep_schemas::{EventKind, FactorId, ProblemCode, Scope};

impl Request<'_> {
    /// Checks KE3. If it holds, the count starts again and the sealed seed is handed over; if not,
    /// the guess stays charged. Wrong, late, unknown: all the same answer.
    pub(in crate::core) fn finish_guess(&self, factor: FactorId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Read)?;
        let envelope = self.open_body(&caller)?;
        let payload: FinishGuess = envelope.payload()?;
        let user = caller.session.user;
        self.records.require(&[
            RecordQuery::One(RecordKey::Factor { user, factor }),
            RecordQuery::One(RecordKey::Recovery(user)),
        ])?;
        let loaded = self.guessed_factor(&caller, factor)?;
        let refused = ProblemCode::GuessRefused;
        let place = (user, factor);
        // Taken out first: one answer is tried against it, right or wrong.
        let taken =
            lock(&self.core.memory).guesses.take(&place, caller.id, &envelope.digest, self.now);
        let (era, event) = match taken.ok_or(refused)? {
            Taken::Started { login, era, event } => {
                login.finish(&payload.ke3, &binding(&caller, factor)).map_err(|_| refused)?;
                (era, event)
            }
            Taken::Again { era, event } => (era, event),
        };
        let Some((FactorRecord::Registered(mut registered), stored)) = loaded else {
            return Err(refused.into());
        };
        let FactorLock::Passcode(passcode) = &mut registered.lock else {
            return Err(refused.into());
        };
        let recorded = &mut passcode.guessing.count;
        {
            let mut memory = lock(&self.core.memory);
            *recorded = memory.guesses.succeed(&place, recorded, era).ok_or(refused)?;
            // The answer may be lost on its way; the very same request is answered again.
            let login = Login::Right(envelope.digest);
            memory.guesses.hold(
                place,
                Pending { session: caller.id, era, event, login },
                self.now,
            )?;
        }
        let wrapped_seed = registered.wrapped_seed.clone();
        let record = FactorRecord::Registered(registered);
        let device = caller.session.device;
        let writes = vec![
            self.write_factor(&caller, factor, &record, Some(stored))?,
            // It was no wrong guess after all. Whose device it was, the user should know.
            self.event_with(event, user, device, EventKind::RecoveryUnlocked),
        ];
        Ok(Done { body: envelope.answer(self.core, &GuessFinished { wrapped_seed })?, writes })
    }
}
