//! How many guesses a passcode has left: a state machine without a clock.
//!
//! The enclave keeps one value in memory and one in the factor's sealed record, and works with the
//! stricter ([`GuessCount::merge`], [`GuessCount::remember`]). A guess is charged, in memory first, before KE2 leaves; only a
//! KE3 that holds starts a new era with a fresh count. So a hostile store that drops writes or
//! presents older records gains nothing while the enclave lives.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use sha2::{Digest, Sha256};
use std::num::NonZeroU8;

/// Guesses a passcode has if nobody chooses.
pub const DEFAULT_GUESS_LIMIT: NonZeroU8 = NonZeroU8::new(10).expect("ten is not zero");

/// Guesses before waiting starts.
const FREE_GUESSES: u8 = 5;
/// The first wait, in seconds; each further guess doubles it.
const FIRST_WAIT_S: u64 = 60;
/// The longest wait, in seconds.
const LONGEST_WAIT_S: u64 = 86_400;

/// Seconds to wait after the `spent`th guess in a row.
///
/// | guesses spent | 1–4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16 and more |
/// |---|---|---|---|---|---|---|---|---|---|---|---|---|---|
/// | wait | – | 1 min | 2 min | 4 min | 8 min | 16 min | 32 min | 64 min | 2 h 8 | 4 h 16 | 8 h 32 | 17 h 4 | 24 h |
#[must_use]
pub const fn wait_s(spent: u8) -> u64 {
    match spent.checked_sub(FREE_GUESSES) {
        None => 0,
        Some(doublings) if doublings >= 11 => LONGEST_WAIT_S,
        Some(doublings) => FIRST_WAIT_S << doublings,
    }
}

/// Names one attempt: the hash of its KE1. The same bytes again are the same guess.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptDigest(ByteArray<32>);

impl AttemptDigest {
    /// Of the KE1 received.
    #[must_use]
    pub fn of(ke1: &[u8]) -> Self {
        Self(ByteArray::new(Sha256::digest(ke1).into()))
    }
}

/// What to do with an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Charge {
    /// Charged: answer it, once the new count is committed.
    Allowed,
    /// The attempt charged last, again: answer it, nothing is charged.
    ExactRetry,
    /// Not answered and not charged: too soon.
    Waiting {
        /// When the next guess is taken, in seconds since 1970.
        until_unix_s: u64,
    },
    /// No guess is left: destroy the factor's record.
    Exhausted,
}

/// The count of one passcode.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuessCount {
    limit: NonZeroU8,
    /// Counts right passcodes. A later era stands above every earlier one, whatever their counts.
    era: u64,
    /// Guesses charged in this era. Each counts as failed until a KE3 holds.
    spent: u8,
    waiting_until_unix_s: u64,
    /// The last attempt charged; none if two records disagree on it.
    last: Option<AttemptDigest>,
}

impl GuessCount {
    /// A fresh count.
    #[must_use]
    pub const fn new(limit: NonZeroU8) -> Self {
        Self { limit, era: 0, spent: 0, waiting_until_unix_s: 0, last: None }
    }

    /// Guesses left.
    #[must_use]
    pub const fn left(&self) -> u8 {
        self.limit.get().saturating_sub(self.spent)
    }

    /// Whether nothing was charged since the last right passcode.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.spent == 0
    }

    /// When the next guess is taken, in seconds since 1970; the past means at once.
    #[must_use]
    pub const fn next_guess_unix_s(&self) -> u64 {
        self.waiting_until_unix_s
    }

    /// Which era this is: what a pending login must remember for [`succeed`](Self::succeed).
    #[must_use]
    pub const fn era(&self) -> u64 {
        self.era
    }

    /// Charges an attempt, if there is a guess left and no wait. The caller merges memory and record
    /// first, and keeps the changed value in memory whatever becomes of the write.
    pub fn charge(&mut self, now_unix_s: u64, attempt: AttemptDigest) -> Charge {
        // The retry of the last guess too: whoever sends the same KE1 learns the same again.
        if self.spent > 0 && self.last == Some(attempt) {
            return Charge::ExactRetry;
        }
        if self.left() == 0 {
            return Charge::Exhausted;
        }
        if now_unix_s < self.waiting_until_unix_s {
            return Charge::Waiting { until_unix_s: self.waiting_until_unix_s };
        }
        self.spent = self.spent.saturating_add(1);
        self.waiting_until_unix_s = now_unix_s.saturating_add(wait_s(self.spent));
        self.last = Some(attempt);
        Charge::Allowed
    }

    /// Takes a KE3 that held, of a login that was charged in `era`. One of an earlier era has
    /// already had its effect.
    pub fn succeed(&mut self, era: u64) {
        if era == self.era {
            *self = Self { era: self.era.saturating_add(1), ..Self::new(self.limit) };
        }
    }

    /// The stricter of two states of one passcode: the later era; within an era the higher count,
    /// the longer wait and the lower limit. In any order and as often as one likes, it gives the
    /// same.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        if self.era != other.era {
            return if self.era > other.era { self.clone() } else { other.clone() };
        }
        let last = match self.spent.cmp(&other.spent) {
            std::cmp::Ordering::Greater => self.last,
            std::cmp::Ordering::Less => other.last,
            // Two different last attempts: neither was certainly counted.
            std::cmp::Ordering::Equal => self.last.filter(|last| Some(*last) == other.last),
        };
        Self {
            limit: self.limit.min(other.limit),
            era: self.era,
            spent: self.spent.max(other.spent),
            waiting_until_unix_s: self.waiting_until_unix_s.max(other.waiting_until_unix_s),
            last,
        }
    }

    /// What a memory makes of a record: the stricter of both; and where the record is of a later
    /// era, all that this memory charged counts in that one too. So within a memory's life only a
    /// KE3 that it checked itself gives guesses back, whatever records of other eras are brought.
    #[must_use]
    pub fn remember(&self, recorded: &Self) -> Self {
        let era = self.era.max(recorded.era);
        Self { era, ..self.clone() }.merge(recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attempt(number: u64) -> AttemptDigest {
        AttemptDigest::of(&number.to_be_bytes())
    }

    fn count(limit: u8) -> GuessCount {
        GuessCount::new(NonZeroU8::new(limit).unwrap())
    }

    #[test]
    fn waits_grow_as_documented() {
        let table = [
            (0, 0),
            (4, 0),
            (5, 60),
            (6, 120),
            (10, 1_920),
            (15, 61_440),
            (16, 86_400),
            (255, 86_400),
        ];
        for (spent, wait) in table {
            assert_eq!(wait_s(spent), wait, "{spent}");
        }
    }

    #[test]
    fn the_sixth_guess_waits_and_waiting_costs_nothing() {
        let mut guesses = count(10);
        for number in 0..5 {
            assert_eq!(guesses.charge(1_000, attempt(number)), Charge::Allowed);
        }
        assert_eq!(guesses.charge(1_059, attempt(5)), Charge::Waiting { until_unix_s: 1_060 });
        assert_eq!(guesses.left(), 5);
        assert_eq!(guesses.charge(1_059, attempt(4)), Charge::ExactRetry);
        assert_eq!(guesses.charge(1_060, attempt(5)), Charge::Allowed);
        assert_eq!(guesses.charge(1_179, attempt(6)), Charge::Waiting { until_unix_s: 1_180 });
    }

    #[test]
    fn a_record_of_a_later_era_gives_a_memory_no_guesses_back() {
        let mut memory = count(10);
        for number in 0..4 {
            assert_eq!(memory.charge(0, attempt(number)), Charge::Allowed);
        }
        let mut later = count(10);
        later.succeed(0);
        assert_eq!((memory.merge(&later).left(), memory.merge(&later).era()), (10, 1));
        let remembered = memory.remember(&later);
        assert_eq!((remembered.left(), remembered.era()), (6, 1));
        // What memory itself saw succeed stands above an older record.
        let mut ahead = memory.clone();
        ahead.succeed(0);
        assert_eq!(ahead.remember(&memory), ahead);
    }

    #[test]
    fn the_last_guess_may_still_be_right_and_then_all_come_back() {
        let mut guesses = count(1);
        assert_eq!(guesses.charge(0, attempt(0)), Charge::Allowed);
        assert_eq!(guesses.charge(0, attempt(1)), Charge::Exhausted);
        guesses.succeed(0);
        assert_eq!(guesses.left(), 1);
    }

    #[test]
    fn one_right_login_does_not_reset_twice() {
        let mut guesses = count(3);
        let _ = guesses.charge(0, attempt(0));
        guesses.succeed(0);
        let _ = guesses.charge(0, attempt(1));
        guesses.succeed(0);
        assert_eq!(guesses.left(), 2);
    }

    #[test]
    fn an_older_record_gives_no_guesses_back() {
        let mut memory = count(3);
        let old = memory.clone();
        let _ = memory.charge(0, attempt(0));
        assert_eq!(memory.merge(&old), memory);
        assert_eq!(old.merge(&memory), memory);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Guess,
        Retry(usize),
        Right,
        Present(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => Just(Step::Guess),
            2 => any::<usize>().prop_map(Step::Retry),
            1 => Just(Step::Right),
            4 => any::<usize>().prop_map(Step::Present),
            3 => (0..100_000u64).prop_map(Step::Wait),
        ]
    }

    fn any_count() -> impl Strategy<Value = GuessCount> {
        (1..4u8, 0..3u64, 0..4u8, 0..3u64, proptest::option::of(0..3u64)).prop_map(
            |(limit, era, spent, waiting_until_unix_s, last)| GuessCount {
                limit: NonZeroU8::new(limit).unwrap(),
                era,
                spent,
                waiting_until_unix_s,
                last: last.map(attempt),
            },
        )
    }

    proptest! {
        /// The store presents any record it was ever given, drops writes, repeats attempts.
        #[test]
        fn no_order_of_events_gives_more_guesses_than_the_limit(
            limit in 1..20u8,
            steps in proptest::collection::vec(step(), 0..200),
        ) {
            let mut memory = count(limit);
            let mut records = vec![memory.clone()];
            let mut attempts = Vec::new();
            let (mut now, mut answered, mut next) = (0u64, std::collections::BTreeSet::new(), 0);
            let mut in_era = 0u8;
            for step in steps {
                match step {
                    Step::Wait(seconds) => now += seconds,
                    Step::Present(which) => memory = memory.merge(&records[which % records.len()]),
                    Step::Right => {
                        // Only a login that was answered can end in a KE3.
                        if in_era > 0 {
                            memory.succeed(memory.era());
                            in_era = 0;
                        }
                    }
                    Step::Guess | Step::Retry(_) => {
                        let number = match step {
                            Step::Retry(which) if !attempts.is_empty() => {
                                attempts[which % attempts.len()]
                            }
                            _ => {
                                next += 1;
                                next
                            }
                        };
                        let before = memory.left();
                        match memory.charge(now, attempt(number)) {
                            Charge::Allowed => {
                                in_era += 1;
                                answered.insert(number);
                                attempts.push(number);
                                prop_assert_eq!(memory.left(), before - 1);
                            }
                            Charge::ExactRetry => {
                                prop_assert!(answered.contains(&number));
                                prop_assert_eq!(memory.left(), before);
                            }
                            Charge::Waiting { until_unix_s } => {
                                prop_assert!(now < until_unix_s && memory.left() == before);
                            }
                            Charge::Exhausted => prop_assert_eq!(before, 0),
                        }
                    }
                }
                prop_assert!(in_era <= limit);
                prop_assert_eq!(memory.left(), limit - in_era);
                records.push(memory.clone());
            }
        }

        #[test]
        fn merging_has_no_order(a in any_count(), b in any_count(), c in any_count()) {
            prop_assert_eq!(a.merge(&b), b.merge(&a));
            prop_assert_eq!(a.merge(&a), a.clone());
            prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
        }

        #[test]
        fn merging_never_gives_guesses_back_within_an_era(a in any_count(), b in any_count()) {
            let merged = a.merge(&b);
            for one in [a, b] {
                if one.era == merged.era {
                    prop_assert!(merged.left() <= one.left());
                    prop_assert!(merged.waiting_until_unix_s >= one.waiting_until_unix_s);
                }
            }
        }

        #[test]
        fn only_a_right_passcode_begins_a_new_era(a in any_count(), now: u64, number: u64) {
            let mut charged = a.clone();
            let _ = charged.charge(now, attempt(number));
            prop_assert_eq!(charged.era(), a.era());
            prop_assert!(charged.left() <= a.left());
        }
    }
}
