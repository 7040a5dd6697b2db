use super::binding;
use crate::core::authenticate::Caller;
use crate::core::memory::{Attempt, Login, Pending, Verdict};
use crate::core::stop::{Done, Refusal, Stop};
use crate::core::{Request, lock};
use crate::record::{FactorLock, FactorRecord, Guessing, Lease, RegisteredFactor};
use sharekeep_recovery::passcode::PasscodeServer;
use sharekeep_recovery::{AttemptDigest, GuessCount};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{GuessStarted, StartGuess};
use sharekeep_schemas::{EventKind, FactorId, ProblemCode, Scope};

/// What is guessed at. A factor that is no passcode is treated as one that does not exist.
enum Target {
    Passcode(RegisteredFactor),
    Decoy(Guessing),
}

impl Target {
    fn guessing(&mut self) -> &mut Guessing {
        match self {
            Self::Decoy(guessing) => guessing,
            Self::Passcode(factor) => match &mut factor.lock {
                FactorLock::Passcode(lock) => &mut lock.guessing,
                FactorLock::Key | FactorLock::Destroyed => {
                    unreachable!("only a factor with a passcode is made a target")
                }
            },
        }
    }

    fn into_record(self) -> FactorRecord {
        match self {
            Self::Passcode(factor) => FactorRecord::Registered(factor),
            Self::Decoy(guessing) => FactorRecord::Decoy(guessing),
        }
    }
}

impl Request<'_> {
    /// Takes one guess at a passcode: charged in memory first, then on record, and only then is KE2
    /// released. What does not exist costs as much and looks the same.
    pub(in crate::core) fn start_guess(&self, factor: FactorId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Read)?;
        let envelope = self.open_body(&caller)?;
        let payload: StartGuess = envelope.payload()?;
        let user = caller.session.user;
        let mut queries = vec![
            RecordQuery::One(RecordKey::Factor { user, factor }),
            RecordQuery::One(RecordKey::Recovery(user)),
        ];
        queries.extend(self.deployment_queries());
        self.records.require(&queries)?;
        let keys = self.deployment_keys()?;
        let loaded = self.guessed_factor(&caller, factor)?;
        let stored = loaded.as_ref().map(|(_, version)| *version);
        let mut target = match loaded.map(|(record, _)| record) {
            Some(FactorRecord::Registered(registered)) => match registered.lock {
                FactorLock::Passcode(_) => Target::Passcode(registered),
                FactorLock::Destroyed => return Err(ProblemCode::GuessesSpent.into()),
                // Who signed in may list the kinds: there is nothing to hide.
                FactorLock::Key => return Err(ProblemCode::NotFound.into()),
            },
            Some(FactorRecord::Decoy(guessing)) => Target::Decoy(guessing),
            None => {
                let count = GuessCount::new(self.core.limits.guess_limit);
                Target::Decoy(Guessing { count, lease: None })
            }
        };
        self.take_lease(target.guessing())?;

        // Made for both kinds alike, before the charge: what is malformed costs no guess.
        let binding = binding(&caller, factor);
        let decoy_server = PasscodeServer::decoy(&keys.decoy_secret(binding.tenant), &binding);
        let (server, registered) = match &target {
            Target::Passcode(RegisteredFactor { lock: FactorLock::Passcode(lock), .. }) => {
                (&lock.server, Some(&lock.registered))
            }
            _ => (&decoy_server, None),
        };
        let (login, ke2) = server
            .respond(registered, &binding, &payload.ke1, &mut self.core.rng())
            .map_err(|_| ProblemCode::MalformedRequest)?;

        let place = (user, factor);
        let attempt = Attempt {
            place,
            digest: AttemptDigest::of(&payload.ke1),
            recorded: &target.guessing().count.clone(),
            decoy: matches!(target, Target::Decoy(_)),
        };
        let (count, event) = {
            let mut memory = lock(&self.core.memory);
            match memory.guesses.charge(&attempt, self.now)? {
                Verdict::Answer { count, again } => {
                    let event = again.unwrap_or_else(|| self.event_id());
                    let login = Login::Started(Box::new(login));
                    let pending = Pending { session: caller.id, era: count.era(), event, login };
                    memory.guesses.hold(place, pending, self.now)?;
                    (count, event)
                }
                Verdict::Destroyed => {
                    drop(memory);
                    return Err(self.destroyed(&caller, factor, target, stored)?.into());
                }
            }
        };
        let answer = GuessStarted {
            ke2: ke2.to_vec(),
            guesses_left: count.left().into(),
            next_guess_unix_s: count.next_guess_unix_s(),
        };
        target.guessing().count = count;
        let device = caller.session.device;
        let writes = vec![
            self.write_factor(&caller, factor, &target.into_record(), stored)?,
            self.event_with(event, user, device, EventKind::PasscodeGuessed),
        ];
        Ok(Done { body: envelope.answer(self.core, &answer)?, writes })
    }

    /// Lets one enclave at a time serve a factor: two memories would give twice the guesses.
    fn take_lease(&self, guessing: &mut Guessing) -> Result<(), Refusal> {
        let enclave_key = self.core.key_id;
        let other = guessing.lease.filter(|lease| lease.enclave_key != enclave_key);
        if let Some(left) = other.and_then(|lease| lease.until_unix_s.checked_sub(self.now))
            && left > 0
        {
            // A record can't make anybody wait longer than a lease is.
            let left = left.min(self.core.limits.guess_lease_s.max(1));
            let seconds = u32::try_from(left).unwrap_or(u32::MAX);
            return Err(Refusal::later(ProblemCode::FactorLeased, seconds));
        }
        let until_unix_s = self.now.saturating_add(self.core.limits.guess_lease_s);
        guessing.lease = Some(Lease { enclave_key, until_unix_s });
        Ok(())
    }

    /// The refusal that has a passcode without guesses destroyed, as often as it takes.
    fn destroyed(
        &self,
        caller: &Caller,
        factor: FactorId,
        target: Target,
        stored: Option<u64>,
    ) -> Result<Refusal, Stop> {
        let (user, device) = (caller.session.user, caller.session.device);
        let Target::Passcode(registered) = target else {
            // Nothing to destroy: its count stands at nothing left.
            return Ok(ProblemCode::GuessesSpent.into());
        };
        let record = FactorRecord::Registered(RegisteredFactor {
            lock: FactorLock::Destroyed,
            ..registered
        });
        let writes = vec![
            self.write_factor(caller, factor, &record, stored)?,
            self.event(user, device, EventKind::PasscodeDestroyed),
        ];
        Ok(Refusal::writing(ProblemCode::GuessesSpent, writes))
    }
}
