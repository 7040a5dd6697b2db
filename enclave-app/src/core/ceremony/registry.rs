use super::Meta;
use super::machine::Machine;
use super::shares::Shares;
use crate::Limits;
use crate::core::expiring::Expiring;
use crate::core::stop::{Done, Refusal};
use sharekeep_schemas::{CeremonyId, CeremonyState, ProblemCode, TenantId, UserId, limits};
use std::collections::{HashMap, VecDeque};

/// How long a started execution id is refused again, in seconds. A start is fresh for two minutes
/// at most; the rest is margin.
const STARTED_S: u64 = 900;
/// Execution ids remembered.
const MAX_STARTED: usize = 500_000;
/// How long the last answer of a finished ceremony is kept for a retry, in seconds.
const FINISHED_S: u64 = 120;

/// The ceremonies in memory.
pub(in crate::core) struct Registry {
    entries: HashMap<CeremonyId, Entry>,
    /// Running ones in the order they expire.
    running: VecDeque<(u64, CeremonyId)>,
    /// Finished ones in the order they are forgotten.
    finished: VecDeque<(u64, CeremonyId)>,
    of_users: Shares<UserId>,
    of_tenants: Shares<TenantId>,
    count: usize,
    started: Expiring<[u8; 32], ()>,
    bytes: usize,
    max_running: usize,
    max_bytes: usize,
}

pub(super) struct Entry {
    pub(super) meta: Meta,
    pub(super) state: State,
    /// The last step that was answered; 0 while the first one runs.
    pub(super) step: u32,
    pub(super) last: Option<Last>,
    bytes: usize,
}

pub(super) enum State {
    /// A worker has it.
    Busy,
    Waiting(Box<Machine>),
    /// Nothing more can happen; the last answer is kept for a retry.
    Over,
}

/// The last answer.
pub(super) struct Last {
    /// SHA-256 of the sealed request.
    pub(super) digest: [u8; 32],
    pub(super) done: Done,
    /// The version and state of the ceremony's record that the answer's writes make, if they do.
    pub(super) recorded: Option<(u64, CeremonyState)>,
}

impl Registry {
    pub(in crate::core) fn new(limits: &Limits) -> Self {
        Self {
            entries: HashMap::new(),
            running: VecDeque::new(),
            finished: VecDeque::new(),
            of_users: Shares::new(limits.user_share),
            of_tenants: Shares::new(limits.tenant_share),
            count: 0,
            started: Expiring::new(MAX_STARTED),
            bytes: 0,
            max_running: limits.ceremonies,
            max_bytes: limits.ceremony_bytes,
        }
    }

    pub(in crate::core) fn running(&self) -> usize {
        self.count
    }

    /// Whether this execution was started before.
    pub(super) fn was_started(&self, execution: &[u8; 32], now: u64) -> bool {
        self.started.get(execution, now).is_some()
    }

    /// Makes room for a new ceremony, which is busy from now on. `bytes` is what its state may
    /// take.
    pub(super) fn reserve(&mut self, meta: Meta, bytes: usize, now: u64) -> Result<(), Refusal> {
        self.expire(now);
        let id = meta.id();
        if self.was_started(&meta.execution, now) || self.entries.contains_key(&id) {
            return Err(ProblemCode::CeremonyRepeated.into());
        }
        if !self.of_users.have_room(&meta.user, bytes) {
            return Err(Refusal::later(ProblemCode::RateLimited, 30));
        }
        // Before others' finished answers are forgotten for it.
        if !self.of_tenants.have_room(&meta.tenant, bytes) {
            return Err(Refusal::later(ProblemCode::Overloaded, 5));
        }
        while self.bytes + bytes > self.max_bytes && self.forget_oldest_finished() {}
        if self.count >= self.max_running || self.bytes + bytes > self.max_bytes {
            return Err(Refusal::later(ProblemCode::Overloaded, 5));
        }
        self.started.insert(meta.execution, (), now + STARTED_S, now)?;
        self.running.push_back((meta.expires_at_unix_s, id));
        self.of_users.begin(&meta.user, bytes);
        self.of_tenants.begin(&meta.tenant, bytes);
        self.count += 1;
        self.bytes += bytes;
        self.entries.insert(id, Entry { meta, state: State::Busy, step: 0, last: None, bytes });
        Ok(())
    }

    /// Takes a reservation back: nothing has been said yet, so it may be started again.
    pub(super) fn unreserve(&mut self, id: &CeremonyId) {
        if let Some(entry) = self.entries.get(id) {
            let execution = entry.meta.execution;
            self.started.remove(&execution);
        }
        self.remove(id);
    }

    /// A ceremony that has not expired.
    pub(super) fn get(&mut self, id: &CeremonyId, now: u64) -> Option<&mut Entry> {
        self.expire(now);
        self.entries.get_mut(id)
    }

    /// Gives a ceremony back after a step, with the answer to repeat. Says no where it was ended
    /// meanwhile: then nothing may be answered.
    pub(super) fn put_back(
        &mut self,
        id: &CeremonyId,
        step: u32,
        machine: Option<Box<Machine>>,
        last: Last,
        now: u64,
    ) -> bool {
        let over = machine.is_none();
        if let Some(entry) = self.entries.get_mut(id) {
            if matches!(entry.state, State::Over) {
                return false;
            }
            let previous = entry.last.as_ref().map_or(0, Last::size);
            let bytes = entry.bytes + last.size() - previous;
            self.of_users.resize(&entry.meta.user, entry.bytes, bytes);
            self.of_tenants.resize(&entry.meta.tenant, entry.bytes, bytes);
            self.bytes = self.bytes + bytes - entry.bytes;
            entry.bytes = bytes;
            entry.step = step;
            entry.last = Some(last);
            if let Some(machine) = machine {
                entry.state = State::Waiting(machine);
            }
        }
        if over {
            self.finish(id, now);
        }
        true
    }

    /// Ends the running ceremonies that are chosen, also those that a worker has.
    pub(super) fn finish_all(&mut self, now: u64, chosen: impl Fn(&Meta) -> bool) {
        let chosen: Vec<_> = self
            .running
            .iter()
            .filter(|(_, id)| self.entries.get(id).is_some_and(|entry| chosen(&entry.meta)))
            .map(|(_, id)| *id)
            .collect();
        chosen.iter().for_each(|id| self.finish(id, now));
    }

    /// Ends a running ceremony and lets go of its state; the last answer stays for a while.
    pub(super) fn finish(&mut self, id: &CeremonyId, now: u64) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if matches!(entry.state, State::Over) {
            return;
        }
        entry.state = State::Over;
        self.count -= 1;
        self.of_users.end(&entry.meta.user, entry.bytes);
        self.of_tenants.end(&entry.meta.tenant, entry.bytes);
        let kept = entry.last.as_ref().map_or(0, Last::size);
        self.bytes = self.bytes - entry.bytes + kept;
        entry.bytes = kept;
        self.finished.push_back((now + FINISHED_S, *id));
    }

    fn remove(&mut self, id: &CeremonyId) {
        if let Some(entry) = self.entries.remove(id) {
            self.bytes -= entry.bytes;
            if !matches!(entry.state, State::Over) {
                self.count -= 1;
                self.of_users.end(&entry.meta.user, entry.bytes);
                self.of_tenants.end(&entry.meta.tenant, entry.bytes);
            }
        }
    }

    /// Drops what is past its time. A busy one is dropped too: its worker finds nothing to put it
    /// back into.
    fn expire(&mut self, now: u64) {
        while let Some((until, id)) = self.running.front().copied()
            && until < now
        {
            self.running.pop_front();
            if self.entries.get(&id).is_some_and(|entry| !matches!(entry.state, State::Over)) {
                self.remove(&id);
            }
        }
        while self.finished.front().is_some_and(|(until, _)| *until < now) {
            self.forget_oldest_finished();
        }
    }

    fn forget_oldest_finished(&mut self) -> bool {
        let Some((_, id)) = self.finished.pop_front() else { return false };
        self.remove(&id);
        true
    }

    #[cfg(test)]
    pub(in crate::core) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts everything anew and compares.
    #[cfg(test)]
    pub(in crate::core) fn check_sums(&self) {
        let (mut users, mut tenants) = (HashMap::new(), HashMap::new());
        let add = |share: &mut crate::Share, bytes| {
            share.ceremonies += 1;
            share.bytes += bytes;
        };
        for entry in self.entries.values().filter(|entry| !matches!(entry.state, State::Over)) {
            add(users.entry(entry.meta.user).or_default(), entry.bytes);
            add(tenants.entry(entry.meta.tenant.clone()).or_default(), entry.bytes);
        }
        assert_eq!(self.bytes, self.entries.values().map(|entry| entry.bytes).sum::<usize>());
        assert_eq!(self.count, users.values().map(|share| share.ceremonies).sum::<usize>());
        assert_eq!(*self.of_users.taken(), users);
        assert_eq!(*self.of_tenants.taken(), tenants);
    }
}

impl Last {
    fn size(&self) -> usize {
        let writes: usize = self
            .done
            .writes
            .iter()
            .filter_map(|write| write.put.as_ref())
            .map(|put| put.bytes.len())
            .sum();
        self.done.body.len() + writes
    }
}

/// How long a ceremony may run, from its start.
pub(super) fn expiry(now: u64) -> u64 {
    now.saturating_add(limits::CEREMONY_LIFETIME_S)
}

/// When a ceremony with this expiry was started.
pub(super) fn started_at(expires_at_unix_s: u64) -> u64 {
    expires_at_unix_s.saturating_sub(limits::CEREMONY_LIFETIME_S)
}
