//! The rounds of a protocol, as data.

use crate::wire::shape::Shape;

/// Who a round's messages go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// The same message to every other party.
    Everyone,
    /// A message of its own to each other party.
    Each,
    /// A message to the party in seat 0, from all others.
    First,
}

/// One round: what each sender says once.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Rounds of one stage answer the same messages: a round of stage `k + 1` needs all of `k`.
    pub(crate) stage: u16,
    pub(crate) to: Address,
    pub(crate) largest_body: usize,
    pub(crate) shape: Shape,
}

/// A protocol's rounds, in the order in which each sender says them; numbered from 1.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) slots: &'static [Slot],
}

impl Schedule {
    pub(crate) fn slot_of(&self, round: u16) -> Option<usize> {
        let slot = usize::from(round).checked_sub(1)?;
        (slot < self.slots.len()).then_some(slot)
    }
}

impl Slot {
    /// Whether `from` sends this round's message to `to`.
    pub(crate) fn reaches(&self, from: u16, to: u16) -> bool {
        match self.to {
            Address::Everyone | Address::Each => from != to,
            Address::First => from != 0 && to == 0,
        }
    }
}
