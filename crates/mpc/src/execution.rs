//! What a ceremony is bound to.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{PartyIndex, Protocol, Scheme};

/// Names one run of one protocol. It goes into every proof, so a message of another run is worth
/// nothing in this one. Public, and never to be used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionId(#[serde(with = "serde_bytes")] [u8; 32]);

impl ExecutionId {
    /// Takes the 32 bytes that [`ExecutionBinding::id`] once made.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a ceremony is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Key generation.
    Keygen,
    /// Preparation of a quorum.
    Prepare,
    /// A signature.
    Sign,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Keygen => "keygen",
            Self::Prepare => "prepare",
            Self::Sign => "sign",
        }
    }
}

/// Everything both ends must agree on before a ceremony: the libraries hash none of this
/// themselves. Two ends that disagree in a single field get different execution ids, and then
/// every message of one is [`Foreign`](crate::Fault::Foreign) to the other: a mistake, not an
/// accusation.
#[derive(Clone, Debug)]
pub struct ExecutionBinding<'a> {
    /// What the ceremony is for.
    pub purpose: Purpose,
    /// The wallet's protocol.
    pub protocol: Protocol,
    /// The wallet's scheme.
    pub scheme: Scheme,
    /// The wallet's id (for a preparation shared by wallets: the pair's id).
    pub wallet: &'a [u8],
    /// Generation of the wallet's shares.
    pub epoch: u64,
    /// How many parties the wallet has.
    pub n: u16,
    /// How many of them sign.
    pub t: u16,
    /// Who takes part, by seat.
    pub parties: &'a [PartyIndex],
    /// Derivation path of the key in use; empty for the wallet's own key.
    pub path: &'a [u32],
    /// What is signed, tweak included; empty when nothing is.
    pub message: &'a [u8],
    /// Fresh from the client.
    pub client_nonce: &'a [u8; 32],
    /// Fresh from the server, given to the client before the ceremony's first message.
    pub server_nonce: &'a [u8; 32],
}

impl ExecutionBinding<'_> {
    /// SHA-256 over a label and every field, each preceded by its name and length.
    pub fn id(&self) -> ExecutionId {
        let mut hash = Sha256::new();
        let mut field = |name: &str, value: &[u8]| {
            hash.update([name.len() as u8]);
            hash.update(name);
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value);
        };
        field("label", b"sharekeep/execution/v1");
        field("purpose", self.purpose.as_str().as_bytes());
        field("protocol", self.protocol.as_str().as_bytes());
        field("scheme", self.scheme.as_str().as_bytes());
        field("wallet", self.wallet);
        field("epoch", &self.epoch.to_be_bytes());
        field("n", &self.n.to_be_bytes());
        field("t", &self.t.to_be_bytes());
        let parties: Vec<u8> = self.parties.iter().flat_map(|p| p.0.to_be_bytes()).collect();
        field("parties", &parties);
        let path: Vec<u8> = self.path.iter().flat_map(|step| step.to_be_bytes()).collect();
        field("path", &path);
        field("message", self.message);
        field("client-nonce", self.client_nonce);
        field("server-nonce", self.server_nonce);
        ExecutionId(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: ExecutionBinding<'static> = ExecutionBinding {
        purpose: Purpose::Sign,
        protocol: Protocol::Frost,
        scheme: Scheme::EddsaEd25519,
        wallet: b"wallet",
        epoch: 1,
        n: 3,
        t: 2,
        parties: &[PartyIndex(0), PartyIndex(2)],
        path: &[1],
        message: b"message",
        client_nonce: &[4; 32],
        server_nonce: &[5; 32],
    };

    #[test]
    fn every_field_changes_the_id() {
        let others = [
            ExecutionBinding { purpose: Purpose::Keygen, ..BASE },
            ExecutionBinding { protocol: Protocol::Cggmp24, ..BASE },
            ExecutionBinding { scheme: Scheme::SchnorrBip340, ..BASE },
            ExecutionBinding { wallet: b"wallet2", ..BASE },
            ExecutionBinding { epoch: 2, ..BASE },
            ExecutionBinding { n: 4, ..BASE },
            ExecutionBinding { t: 3, ..BASE },
            ExecutionBinding { parties: &[PartyIndex(2), PartyIndex(0)], ..BASE },
            ExecutionBinding { path: &[1, 1], ..BASE },
            ExecutionBinding { message: b"massage", ..BASE },
            ExecutionBinding { client_nonce: &[6; 32], ..BASE },
            ExecutionBinding { server_nonce: &[6; 32], ..BASE },
        ];
        let mut ids: Vec<_> = others.iter().map(|other| *other.id().as_bytes()).collect();
        ids.push(*BASE.id().as_bytes());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), others.len() + 1);
    }

    #[test]
    fn bytes_cannot_move_from_one_field_to_the_next() {
        let one = ExecutionBinding { parties: &[PartyIndex(0)], path: &[2], ..BASE };
        let other =
            ExecutionBinding { parties: &[PartyIndex(0), PartyIndex(0)], path: &[], ..BASE };
        assert_ne!(one.id(), other.id());
    }

    /// Both ends compute the id on their own: its encoding must never change silently. The value
    /// was computed apart from this code (Python's hashlib over the documented layout).
    #[test]
    fn the_encoding_is_the_released_one() {
        let id: String = BASE.id().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(id, "a1dc931d8d421072103a1f4a80ef076f5ee5e323772f3728b8aac70d8e45cf32");
    }
}
