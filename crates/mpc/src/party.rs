//! Who takes part.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Fault;

/// The most parties a wallet may have.
pub const MAX_PARTIES: u16 = 16;

/// A party's index within its wallet, fixed at key generation and counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartyIndex(pub u16);

impl fmt::Display for PartyIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The parties of one ceremony, in an order all of them use, and which of them is us. A party's
/// place in that order is its *seat*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    parties: Vec<PartyIndex>,
    my_seat: u16,
}

impl Roster {
    /// Takes the parties in their agreed order.
    ///
    /// # Errors
    /// [`Fault::Quorum`] for fewer than 2 or more than [`MAX_PARTIES`] parties, a party named
    /// twice, or when `me` is not among them.
    pub fn new(me: PartyIndex, parties: &[PartyIndex]) -> Result<Self, Fault> {
        let distinct = parties.iter().enumerate().all(|(k, p)| !parties[..k].contains(p));
        if parties.len() < 2 || parties.len() > usize::from(MAX_PARTIES) || !distinct {
            return Err(Fault::Quorum);
        }
        let my_seat = parties.iter().position(|p| *p == me).ok_or(Fault::Quorum)?;
        Ok(Self { parties: parties.to_vec(), my_seat: my_seat as u16 })
    }

    /// The parties, by seat.
    pub fn parties(&self) -> &[PartyIndex] {
        &self.parties
    }

    /// This end's index in the wallet.
    pub fn me(&self) -> PartyIndex {
        self.parties[usize::from(self.my_seat)]
    }

    /// How many parties take part.
    pub fn count(&self) -> u16 {
        self.parties.len() as u16
    }

    pub(crate) fn my_seat(&self) -> u16 {
        self.my_seat
    }

    pub(crate) fn seat_of(&self, party: PartyIndex) -> Option<u16> {
        self.parties.iter().position(|p| *p == party).map(|seat| seat as u16)
    }

    pub(crate) fn at(&self, seat: u16) -> PartyIndex {
        self.parties[usize::from(seat)]
    }

    pub(crate) fn peer_seats(&self) -> impl Iterator<Item = u16> + use<> {
        let me = self.my_seat;
        (0..self.count()).filter(move |seat| *seat != me)
    }
}
