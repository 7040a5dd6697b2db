//! The state machine around every protocol: who may say what, when, and how much.

pub(crate) mod driven;
pub(crate) mod schedule;

use std::panic::{AssertUnwindSafe, catch_unwind};

use schedule::{Address, Schedule};

use crate::{ExecutionId, Fault, KeyShare, PartyIndex, Roster, WireMessage};

/// Where a ceremony stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for messages; `round` is the last round we have spoken in (0 before the first).
    Running {
        /// The last round spoken.
        round: u16,
    },
    /// Finished; the output is there or was taken.
    Done,
    /// Ended by a [`Fault`]. Nothing is left of it.
    Failed,
}

/// What a protocol hands to the ceremony around it.
pub(crate) struct Advance<O> {
    pub(crate) said: Vec<Said>,
    pub(crate) output: Option<O>,
}

/// One outgoing message, in seats.
pub(crate) struct Said {
    pub(crate) slot: usize,
    pub(crate) to: Option<u16>,
    pub(crate) body: Vec<u8>,
}

/// A protocol's refusal, in seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed { seat: u16 },
    Cheating { seat: u16 },
    CheatingUnattributed,
    Equivocation,
    Aborted,
}

/// One party of one protocol run. Messages reach it in each sender's order, checked for address,
/// order and size, never twice.
pub(crate) trait Machine<O>: Send {
    fn receive(&mut self, slot: usize, seat: u16, body: &[u8]) -> Result<(), Refusal>;
    fn advance(&mut self) -> Result<Advance<O>, Refusal>;
}

enum State<O> {
    Running(Box<dyn Machine<O>>),
    Done(Option<O>),
    Failed,
}

/// One party's side of one run of a protocol, stepped by messages. It holds secrets: it can be
/// neither cloned, printed nor serialised, and dropping it ends the run.
pub struct Ceremony<O> {
    execution: ExecutionId,
    roster: Roster,
    schedule: &'static Schedule,
    /// By seat: the slots that this peer has still to send us, next one last.
    expected: Vec<Vec<usize>>,
    /// The highest stage we have spoken in, and the round of it.
    spoken: (u16, u16),
    state: State<O>,
}

/// A server moves ceremonies between threads.
const _: fn(Ceremony<KeyShare>) -> Box<dyn Send> = |ceremony| Box::new(ceremony);

impl<O> Ceremony<O> {
    pub(crate) fn new(
        execution: ExecutionId,
        roster: Roster,
        schedule: &'static Schedule,
        machine: Box<dyn Machine<O>>,
    ) -> Self {
        let me = roster.my_seat();
        let expected = (0..roster.count())
            .map(|seat| {
                let hears = |slot: &usize| schedule.slots[*slot].reaches(seat, me);
                (0..schedule.slots.len()).rev().filter(hears).collect()
            })
            .collect();
        let state = State::Running(machine);
        Self { execution, roster, schedule, expected, spoken: (0, 0), state }
    }

    /// Takes messages (none to begin with) and returns all that can be said after them. An empty
    /// answer from a running ceremony means that it waits for others.
    ///
    /// # Errors
    /// Any [`Fault`]; the ceremony has then failed, except for [`Fault::Over`] after a finished
    /// one, whose output stays.
    pub fn step(&mut self, incoming: Vec<WireMessage>) -> Result<Vec<WireMessage>, Fault> {
        if !matches!(self.state, State::Running(_)) {
            let late = !incoming.is_empty() || matches!(self.state, State::Failed);
            return if late { Err(Fault::Over) } else { Ok(vec![]) };
        }
        let result = self.run(incoming);
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Running(_) => Phase::Running { round: self.spoken.1 },
            State::Done(_) => Phase::Done,
            State::Failed => Phase::Failed,
        }
    }

    /// The run's id.
    pub fn execution_id(&self) -> ExecutionId {
        self.execution
    }

    /// Who takes part.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The result, once, after the ceremony is [`Phase::Done`].
    pub fn take_output(&mut self) -> Option<O> {
        match &mut self.state {
            State::Done(output) => output.take(),
            _ => None,
        }
    }

    /// Who still owes a message; empty unless running.
    pub fn waiting_for(&self) -> Vec<PartyIndex> {
        if !matches!(self.state, State::Running(_)) {
            return vec![];
        }
        // Only what can come now: a message two stages ahead is not owed yet.
        let owes = |seat: &u16| {
            self.expected[usize::from(*seat)]
                .last()
                .is_some_and(|slot| self.schedule.slots[*slot].stage <= self.spoken.0.max(1))
        };
        self.roster.peer_seats().filter(owes).map(|seat| self.roster.at(seat)).collect()
    }

    /// Gives up waiting: the ceremony fails, and the fault names who was silent. Silence is no
    /// cheating.
    pub fn expire(&mut self) -> Fault {
        let parties = self.waiting_for();
        if matches!(self.state, State::Running(_)) {
            self.state = State::Failed;
            Fault::Missing { parties }
        } else {
            Fault::Over
        }
    }

    fn run(&mut self, incoming: Vec<WireMessage>) -> Result<Vec<WireMessage>, Fault> {
        if incoming.len() > self.schedule.slots.len() * usize::from(self.roster.count()) {
            return Err(Fault::Flood);
        }
        let mut outgoing = Vec::new();
        self.advance(&mut outgoing)?;
        for message in incoming {
            let (slot, seat) = self.admit(&message)?;
            let round = message.round;
            let State::Running(machine) = &mut self.state else { return Err(Fault::Over) };
            // A panic of a library on hostile input must end this ceremony, not the process.
            catch_unwind(AssertUnwindSafe(|| machine.receive(slot, seat, &message.body)))
                .unwrap_or(Err(Refusal::Malformed { seat }))
                .map_err(|refusal| self.name(refusal, round))?;
            self.advance(&mut outgoing)?;
        }
        Ok(outgoing)
    }

    fn advance(&mut self, outgoing: &mut Vec<WireMessage>) -> Result<(), Fault> {
        let State::Running(machine) = &mut self.state else { return Ok(()) };
        let advance = catch_unwind(AssertUnwindSafe(|| machine.advance()))
            .unwrap_or(Err(Refusal::Aborted))
            .map_err(|refusal| self.name(refusal, self.spoken.1))?;
        for said in advance.said {
            let round = said.slot as u16 + 1;
            self.spoken = (self.schedule.slots[said.slot].stage, round);
            outgoing.push(WireMessage {
                execution: self.execution,
                round,
                from: self.roster.me(),
                to: said.to.map(|seat| self.roster.at(seat)),
                body: said.body,
            });
        }
        if let Some(output) = advance.output {
            self.state = State::Done(Some(output));
        }
        Ok(())
    }

    fn check_sender(&self, message: &WireMessage) -> Result<u16, Fault> {
        let party = message.from;
        if message.execution != self.execution {
            return Err(Fault::Foreign { party });
        }
        match self.roster.seat_of(party) {
            Some(seat) if seat != self.roster.my_seat() => Ok(seat),
            _ => Err(Fault::Stranger { party }),
        }
    }

    /// Checks everything about a message that can be checked without parsing it, and strikes it
    /// off the list.
    fn admit(&mut self, message: &WireMessage) -> Result<(usize, u16), Fault> {
        let seat = self.check_sender(message)?;
        let (party, round) = (message.from, message.round);
        let Some(slot) = self.schedule.slot_of(round) else {
            return Err(Fault::OutOfOrder { party, round });
        };
        let form = &self.schedule.slots[slot];
        let to = (form.to != Address::Everyone).then(|| self.roster.me());
        if message.to != to || !form.reaches(seat, self.roster.my_seat()) {
            return Err(Fault::Misaddressed { party });
        }
        if message.body.len() > form.largest_body {
            return Err(Fault::Oversized { party, round });
        }
        let expected = &mut self.expected[usize::from(seat)];
        if expected.last() != Some(&slot) {
            let heard = expected.last().is_none_or(|next| *next > slot);
            return Err(if heard {
                Fault::Duplicate { party, round }
            } else {
                Fault::OutOfOrder { party, round }
            });
        }
        // It would have to answer something that we have not said.
        if form.stage > self.spoken.0 + 1 {
            return Err(Fault::OutOfOrder { party, round });
        }
        expected.pop();
        Ok((slot, seat))
    }

    fn name(&self, refusal: Refusal, round: u16) -> Fault {
        match refusal {
            Refusal::Malformed { seat } => Fault::Malformed { party: self.roster.at(seat), round },
            Refusal::Cheating { seat } => Fault::Cheating { party: self.roster.at(seat) },
            // Of two parties, one of which is us, only the other can have cheated.
            Refusal::CheatingUnattributed if self.roster.count() == 2 => {
                Fault::Cheating { party: self.roster.at(1 - self.roster.my_seat()) }
            }
            Refusal::CheatingUnattributed => Fault::CheatingUnattributed,
            Refusal::Equivocation => Fault::Equivocation,
            Refusal::Aborted => Fault::Aborted,
        }
    }
}
