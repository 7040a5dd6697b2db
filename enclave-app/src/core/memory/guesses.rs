use super::super::expiring::Expiring;
use super::super::stop::Refusal;
use sharekeep_recovery::passcode::PendingLogin;
use sharekeep_recovery::{AttemptDigest, Charge, GuessCount};
use sharekeep_schemas::{EventId, FactorId, ProblemCode, SessionKeyId, UserId};
use std::collections::{BTreeMap, HashMap};

/// Users whose guesses are remembered. No spent guess is forgotten while the enclave lives: a
/// forgotten count would start again from an old record. Users without any make room; when there is
/// none, new users are refused, and at the pace that all guesses share, filling it takes days.
const MAX_USERS: usize = 200_000;
/// Factors that do not exist and that one user guesses at. Real ones are bounded by what a user may
/// register, and never refused for this.
const MAX_DECOYS_PER_USER: usize = 8;
/// How long a guess waits for its KE3, in seconds.
const PENDING_S: u64 = 120;
/// Guesses that wait at once; the pace keeps them far below.
const MAX_PENDING: usize = 4_096;
/// How often room is looked for, in seconds: it means looking at everybody.
const SWEEP_S: u64 = 60;
/// One user's part of the pace: a third, so that one token holder can't keep all others out.
const SHARE_OF_PACE: u32 = 3;

/// Which factor of whom.
pub(in crate::core) type Place = (UserId, FactorId);

/// What this life knows of guesses at passcodes.
pub(in crate::core) struct Guesses {
    of_user: HashMap<UserId, OfUser>,
    pending: Expiring<Place, Pending>,
    pace: Pace,
    swept_at_unix_s: u64,
}

#[derive(Default)]
struct OfUser {
    marks: BTreeMap<FactorId, Mark>,
    /// The minute in which these were charged.
    minute: u64,
    in_minute: u32,
}

/// What is remembered of a factor.
struct Mark {
    count: GuessCount,
    destroyed: bool,
    decoy: bool,
}

/// A guess that was answered.
pub(in crate::core) struct Pending {
    pub(in crate::core) session: SessionKeyId,
    /// The era it was charged in.
    pub(in crate::core) era: u64,
    /// The event that tells of it, unless it turns out to be right.
    pub(in crate::core) event: EventId,
    pub(in crate::core) login: Login,
}

/// What may be finished.
pub(in crate::core) enum Taken {
    /// A guess that waited, and waits no more.
    Started { login: Box<PendingLogin>, era: u64, event: EventId },
    /// The exact retry of what was right.
    Again { era: u64, event: EventId },
}

pub(in crate::core) enum Login {
    /// Waits for KE3, once.
    Started(Box<PendingLogin>),
    /// Was right, by this sealed request: its exact retry is answered again.
    Right([u8; 32]),
}

/// One attempt.
pub(in crate::core) struct Attempt<'a> {
    pub(in crate::core) place: Place,
    pub(in crate::core) digest: AttemptDigest,
    /// What the record says.
    pub(in crate::core) recorded: &'a GuessCount,
    /// There is no such passcode.
    pub(in crate::core) decoy: bool,
}

/// What becomes of an attempt.
pub(in crate::core) enum Verdict {
    /// Answer it, once this count is committed.
    Answer {
        /// The count.
        count: GuessCount,
        /// It was charged before; the same event tells of it.
        again: Option<EventId>,
    },
    /// All guesses are spent: destroy what is on record.
    Destroyed,
}

/// So many guesses a minute, over all users.
struct Pace {
    per_minute: u32,
    /// In sixtieths of a guess.
    available: u64,
    at_unix_s: u64,
}

impl Pace {
    fn new(per_minute: u32) -> Self {
        Self { per_minute, available: u64::from(per_minute) * 60, at_unix_s: 0 }
    }

    /// Takes one guess, or says in how many seconds there will be one.
    fn take(&mut self, now: u64) -> Result<(), u64> {
        let rate = u64::from(self.per_minute);
        let passed = now.saturating_sub(self.at_unix_s);
        self.available = passed.saturating_mul(rate).saturating_add(self.available).min(rate * 60);
        self.at_unix_s = self.at_unix_s.max(now);
        match self.available.checked_sub(60) {
            Some(rest) => {
                self.available = rest;
                Ok(())
            }
            None => Err((60 - self.available).div_ceil(rate.max(1))),
        }
    }
}

impl Guesses {
    pub(in crate::core) fn new(per_minute: u32) -> Self {
        Self {
            of_user: HashMap::new(),
            pending: Expiring::new(MAX_PENDING),
            pace: Pace::new(per_minute),
            swept_at_unix_s: 0,
        }
    }

    /// Refuses one more user where there is no room, after looking for some.
    fn make_room(&mut self, now: u64) -> Result<(), Refusal> {
        if self.of_user.len() >= MAX_USERS && now >= self.swept_at_unix_s.saturating_add(SWEEP_S) {
            self.swept_at_unix_s = now;
            let pending = &self.pending;
            self.of_user.retain(|user, of_user| {
                let spent = |mark: &Mark| mark.destroyed || !mark.count.is_fresh();
                let waits = |factor: &FactorId| pending.get(&(*user, *factor), now).is_some();
                of_user.marks.iter().any(|(factor, mark)| spent(mark) || waits(factor))
            });
        }
        if self.of_user.len() < MAX_USERS {
            return Ok(());
        }
        Err(Refusal::later(ProblemCode::Overloaded, 60))
    }

    /// Charges an attempt against the stricter of memory and record. From here on it counts, whatever
    /// becomes of the write.
    pub(in crate::core) fn charge(
        &mut self,
        attempt: &Attempt<'_>,
        now: u64,
    ) -> Result<Verdict, Refusal> {
        let (user, factor) = attempt.place;
        if !self.of_user.contains_key(&user) {
            self.make_room(now)?;
        }
        // A user of whom nothing is charged takes no room.
        let none = OfUser::default();
        let of_user = self.of_user.get(&user).unwrap_or(&none);
        let known = of_user.marks.get(&factor);
        if known.is_some_and(|mark| mark.destroyed) {
            return Ok(Verdict::Destroyed);
        }
        let decoys = of_user.marks.values().filter(|mark| mark.decoy).count();
        if known.is_none() && attempt.decoy && decoys >= MAX_DECOYS_PER_USER {
            return Err(Refusal::later(ProblemCode::RateLimited, 3_600));
        }
        let mut count = known
            .map_or_else(|| attempt.recorded.clone(), |mark| mark.count.remember(attempt.recorded));
        let (minute, mut in_minute) = (now / 60, 0);
        if of_user.minute == minute {
            in_minute = of_user.in_minute;
        }
        let (mut destroyed, mut again) = (false, None);
        match count.charge(now, attempt.digest) {
            Charge::Allowed => {
                let wait = if in_minute >= (self.pace.per_minute / SHARE_OF_PACE).max(1) {
                    Err(60 - now % 60)
                } else {
                    self.pace.take(now)
                };
                wait.map_err(|seconds| Refusal::later(ProblemCode::RateLimited, clamp(seconds)))?;
                in_minute += 1;
            }
            Charge::ExactRetry => {
                again = self.pending.get(&attempt.place, now).map(|pending| pending.event);
            }
            Charge::Waiting { until_unix_s } => {
                let wait = clamp(until_unix_s.saturating_sub(now));
                return Err(Refusal::later(ProblemCode::GuessTooEarly, wait));
            }
            Charge::Exhausted => destroyed = true,
        }
        let verdict = if destroyed {
            Verdict::Destroyed
        } else {
            Verdict::Answer { count: count.clone(), again }
        };
        let of_user = self.of_user.entry(user).or_default();
        (of_user.minute, of_user.in_minute) = (minute, in_minute);
        of_user.marks.insert(factor, Mark { count, destroyed, decoy: attempt.decoy });
        if destroyed {
            self.pending.remove(&attempt.place);
        }
        Ok(verdict)
    }

    /// Remembers an answered guess; the one before it at the same place is over.
    pub(in crate::core) fn hold(
        &mut self,
        place: Place,
        pending: Pending,
        now: u64,
    ) -> Result<(), Refusal> {
        self.pending.remove(&place);
        Ok(self.pending.insert(place, pending, now.saturating_add(PENDING_S), now)?)
    }

    /// Takes the guess that a session started; it can be finished once. Somebody else's stays.
    pub(in crate::core) fn take(
        &mut self,
        place: &Place,
        session: SessionKeyId,
        request: &[u8; 32],
        now: u64,
    ) -> Option<Taken> {
        let pending = self.pending.get(place, now).filter(|pending| pending.session == session)?;
        let (era, event) = (pending.era, pending.event);
        match &pending.login {
            Login::Right(first) => (first == request).then_some(Taken::Again { era, event }),
            Login::Started(_) => match self.pending.remove(place)?.login {
                Login::Started(login) => Some(Taken::Started { login, era, event }),
                Login::Right(_) => None,
            },
        }
    }

    /// Whether no guess at a passcode is left in this life.
    pub(in crate::core) fn is_spent(&self, place: &Place) -> bool {
        let mark = self.of_user.get(&place.0).and_then(|of_user| of_user.marks.get(&place.1));
        mark.is_some_and(|mark| mark.destroyed || mark.count.left() == 0)
    }

    /// Takes a right passcode: the count starts again. None if it is destroyed.
    pub(in crate::core) fn succeed(
        &mut self,
        place: &Place,
        recorded: &GuessCount,
        era: u64,
    ) -> Option<GuessCount> {
        let mark = self.of_user.get_mut(&place.0)?.marks.get_mut(&place.1)?;
        if mark.destroyed {
            return None;
        }
        mark.count = mark.count.remember(recorded);
        mark.count.succeed(era);
        Some(mark.count.clone())
    }

    #[cfg(test)]
    pub(in crate::core) fn sizes(&self) -> [usize; 2] {
        let spent = self.of_user.values().flat_map(|of_user| of_user.marks.values());
        let spent = spent.map(|mark| 1000 - usize::from(mark.count.left())).sum();
        [spent, self.pending.len()]
    }
}

fn clamp(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_recovery::DEFAULT_GUESS_LIMIT;

    fn charge(guesses: &mut Guesses, user: u8, factor: u8, n: u64, decoy: bool) -> Result<(), u32> {
        let recorded = GuessCount::new(DEFAULT_GUESS_LIMIT);
        let attempt = Attempt {
            place: (UserId::new([user; 32]), FactorId::new([factor; 16])),
            digest: AttemptDigest::of(&n.to_be_bytes()),
            recorded: &recorded,
            decoy,
        };
        let charged = guesses.charge(&attempt, 6_000 + n);
        charged.map(|_| ()).map_err(|refusal| refusal.retry_after_s.unwrap())
    }

    #[test]
    fn all_users_together_guess_at_a_limited_pace() {
        let mut guesses = Guesses::new(30);
        let in_a_second =
            (0..100).filter(|user| charge(&mut guesses, *user, 1, 0, false).is_ok()).count();
        assert_eq!(in_a_second, 30);
        assert_eq!(charge(&mut guesses, 200, 1, 0, false), Err(2));
        let in_ten_minutes: usize = (1..=600)
            .map(|s| {
                let now =
                    |user: &u8| charge(&mut guesses, *user, (s % 200) as u8, s, false).is_ok();
                (0..250).filter(now).count()
            })
            .sum();
        assert_eq!(in_ten_minutes, 300);
    }

    #[test]
    fn one_user_takes_a_third_of_the_pace_and_eight_decoys() {
        let mut guesses = Guesses::new(30);
        let real = (0..12).filter(|f| charge(&mut guesses, 1, *f, 0, false).is_ok()).count();
        assert_eq!(real, 10);
        let mut guesses = Guesses::new(30_000);
        let decoys = (0..50).filter(|f| charge(&mut guesses, 1, *f, 0, true).is_ok()).count();
        assert_eq!(decoys, MAX_DECOYS_PER_USER);
        assert!(charge(&mut guesses, 1, 99, 0, false).is_ok());
    }

    #[test]
    fn users_without_spent_guesses_make_room_for_others() {
        let mut guesses = Guesses::new(u32::MAX);
        let recorded = GuessCount::new(DEFAULT_GUESS_LIMIT);
        let charge = |guesses: &mut Guesses, user: usize, now: u64| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&user.to_be_bytes());
            let place = (UserId::new(id), FactorId::new([1; 16]));
            let digest = AttemptDigest::of(&now.to_be_bytes());
            let attempt = Attempt { place, digest, recorded: &recorded, decoy: false };
            guesses.charge(&attempt, now).map(|_| place).map_err(|refusal| refusal.code)
        };
        for user in 0..MAX_USERS {
            charge(&mut guesses, user, 6_000).unwrap();
        }
        assert_eq!(charge(&mut guesses, MAX_USERS, 6_001), Err(ProblemCode::Overloaded));
        // One of them knew the passcode.
        let place = charge(&mut guesses, 7, 6_002).unwrap();
        let era = recorded.era();
        assert!(guesses.succeed(&place, &recorded, era).is_some());
        // Room is looked for once a minute.
        assert_eq!(charge(&mut guesses, MAX_USERS, 6_003), Err(ProblemCode::Overloaded));
        assert!(!guesses.is_spent(&place));
        assert!(charge(&mut guesses, MAX_USERS, 6_063).is_ok());
        assert_eq!(charge(&mut guesses, MAX_USERS + 1, 6_200), Err(ProblemCode::Overloaded));
        // Whoever has spent one is remembered.
        assert_eq!(guesses.of_user.len(), MAX_USERS);
    }
}
