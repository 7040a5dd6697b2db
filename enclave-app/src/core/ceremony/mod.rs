//! Ceremonies: started, stepped and ended by the client, run in memory only. State that can be
//! restored can be replayed, and a replayed nonce leaks the key; so a lost enclave loses its
//! running ceremonies, and never a wallet.

mod abort;
mod job;
mod locked;
mod machine;
mod plan;
mod registry;
mod shares;
mod start;
mod step;
mod write;

pub use job::Job;
#[cfg(test)]
pub(super) use plan::signing_input;
pub(super) use registry::Registry;

use sharekeep_mpc::{MAX_BODY_BYTES, PartyIndex, WireMessage};
use sharekeep_schemas::enclave::Write;
use sharekeep_schemas::{
    CeremonyId, CeremonyKind, DeviceId, ProblemCode, Protocol, Scheme, Scope, TenantId, UserId,
    WalletId, codec, limits,
};
use std::sync::Arc;

/// The client's index in every wallet of this version.
const DEVICE: PartyIndex = PartyIndex(0);
/// The enclave's.
const SERVER: PartyIndex = PartyIndex(1);
/// The epoch of a wallet's first shares.
const FIRST_EPOCH: u64 = 1;
/// What the CBOR around a protocol message's body may take, in bytes.
const MAX_WIRE_OVERHEAD_BYTES: usize = 256;

/// What a ceremony is, fixed at its start.
#[derive(Clone)]
struct Meta {
    execution: [u8; 32],
    kind: CeremonyKind,
    tenant: TenantId,
    user: UserId,
    device: DeviceId,
    wallet: Option<WalletId>,
    scheme: Scheme,
    protocol: Protocol,
    /// The version of the preparation that a new one replaces.
    replaces: Option<u64>,
    /// What locks it on record after a failed proof.
    locks: Arc<[Write]>,
    expires_at_unix_s: u64,
}

impl Meta {
    fn id(&self) -> CeremonyId {
        let mut id = [0; CeremonyId::LEN];
        id.copy_from_slice(&self.execution[..CeremonyId::LEN]);
        CeremonyId::new(id)
    }
}

/// What a session must be allowed to take part in a ceremony.
fn scope_of(kind: CeremonyKind) -> Scope {
    match kind {
        CeremonyKind::Keygen => Scope::Manage,
        CeremonyKind::Prepare | CeremonyKind::Sign => Scope::Sign,
    }
}

/// Decodes the client's protocol messages. Their bodies are the protocol's business; who they are
/// from is ours: the session's device speaks for party 0 and nobody else.
fn decode_messages(messages: &[serde_bytes::ByteBuf]) -> Result<Vec<WireMessage>, ProblemCode> {
    if messages.len() > limits::MAX_MESSAGES_PER_STEP {
        return Err(ProblemCode::TooLarge);
    }
    messages
        .iter()
        .map(|bytes| {
            codec::decode(bytes, MAX_BODY_BYTES + MAX_WIRE_OVERHEAD_BYTES)
                .map_err(|_| ProblemCode::MalformedRequest)
        })
        .collect()
}
