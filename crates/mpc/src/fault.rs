//! What can go wrong, and whose fault it is.

use thiserror::Error;

use crate::PartyIndex;

/// Why a ceremony could not start, or why it ended. After any of these a running ceremony is over:
/// its secrets are gone and it says nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The parties do not make a quorum: too few, too many, one of them twice, or not us.
    #[error("the parties named do not make a quorum")]
    Quorum,
    /// The protocol does not make signatures of this scheme, or the key share is of another one.
    #[error("the protocol, key share and signing input do not belong to one scheme")]
    SchemeMismatch,
    /// No preparation was given, or one of another protocol, quorum, seat or key.
    #[error("the preparation is missing or does not fit this share and quorum")]
    Unprepared,
    /// Sealed bytes of a key share, preparation or prime are not what they should be. Which check
    /// failed is not said.
    #[error("the sealed bytes cannot be opened")]
    Unopenable,
    /// A derivation path has a hardened index, is too long, or the share has no chain code.
    #[error("the derivation path cannot be used with this share")]
    Path,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    BadSignature,
    /// A proof of possession does not hold. Which part of it is wrong is not said.
    #[error("the share's possession is not proved")]
    Possession,

    /// A message of another ceremony.
    #[error("party {party} sent a message of another ceremony")]
    Foreign {
        /// Who it claims to come from.
        party: PartyIndex,
    },
    /// A message from somebody who does not take part, or from ourselves.
    #[error("party {party} does not take part in this ceremony")]
    Stranger {
        /// Who it claims to come from.
        party: PartyIndex,
    },
    /// A message addressed to another party, or a broadcast that should have been private (or the
    /// other way round).
    #[error("party {party} sent a message to the wrong address")]
    Misaddressed {
        /// The sender.
        party: PartyIndex,
    },
    /// A round that this party already sent.
    #[error("party {party} sent round {round} twice")]
    Duplicate {
        /// The sender.
        party: PartyIndex,
        /// The repeated round.
        round: u16,
    },
    /// A round too early: one before it is missing, or it answers what we have not said yet.
    #[error("party {party} sent round {round} out of order")]
    OutOfOrder {
        /// The sender.
        party: PartyIndex,
        /// The round received.
        round: u16,
    },
    /// A message larger than its round can be; refused before parsing.
    #[error("party {party} sent an oversized message in round {round}")]
    Oversized {
        /// The sender.
        party: PartyIndex,
        /// The round received.
        round: u16,
    },
    /// More messages in one step than the whole ceremony has.
    #[error("more messages than the ceremony has")]
    Flood,
    /// A message that does not decode, is not in the one canonical encoding, or holds values
    /// outside the allowed ranges.
    #[error("party {party} sent a malformed message in round {round}")]
    Malformed {
        /// The sender.
        party: PartyIndex,
        /// The round received.
        round: u16,
    },
    /// The caller gave up waiting.
    #[error("nothing came from {parties:?}")]
    Missing {
        /// Whose messages are missing.
        parties: Vec<PartyIndex>,
    },
    /// A proof, commitment or share of a well-formed message is wrong. In an authentic message
    /// this is no accident: the pair must be locked (a failed OT check repeated often enough gives
    /// the key away).
    #[error("party {party} cheated: a proof of it does not hold")]
    Cheating {
        /// The cheat.
        party: PartyIndex,
    },
    /// Somebody cheated and the protocol cannot tell who (three parties or more).
    #[error("a party cheated and the protocol cannot tell which")]
    CheatingUnattributed,
    /// The parties were told different things by one of them, or by whoever carried the messages.
    #[error("the parties did not all receive the same broadcast")]
    Equivocation,
    /// The protocol stopped for a reason that accuses nobody; retry with a new execution id.
    #[error("the protocol stopped without accusing anybody")]
    Aborted,
    /// A step after the end.
    #[error("the ceremony is over")]
    Over,
}

impl Fault {
    /// The party at fault, where the protocol can tell.
    pub fn party(&self) -> Option<PartyIndex> {
        match self {
            Self::Foreign { party }
            | Self::Stranger { party }
            | Self::Misaddressed { party }
            | Self::Duplicate { party, .. }
            | Self::OutOfOrder { party, .. }
            | Self::Oversized { party, .. }
            | Self::Malformed { party, .. }
            | Self::Cheating { party } => Some(*party),
            Self::Missing { parties } if parties.len() == 1 => parties.first().copied(),
            _ => None,
        }
    }

    /// Whether the pair has to be locked: a failed proof in an authentic, well-formed message.
    pub fn is_cheating(&self) -> bool {
        matches!(self, Self::Cheating { .. } | Self::CheatingUnattributed)
    }
}
