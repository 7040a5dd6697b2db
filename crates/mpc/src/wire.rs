//! A message between two parties, and the one encoding of its body.

pub(crate) mod shape;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{ExecutionId, PartyIndex};

/// The largest body of any round of any protocol; transports can refuse more without knowing the
/// protocol. Each round has a tighter limit of its own.
pub const MAX_BODY_BYTES: usize = 224 * 1024;

/// What one party says in one round. The body is the protocol's business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireMessage {
    /// The ceremony it belongs to.
    pub execution: ExecutionId,
    /// The round, counted from 1 in the protocol's own order.
    pub round: u16,
    /// The sender. The transport must have authenticated it.
    pub from: PartyIndex,
    /// The receiver, or `None` for every other party. A message to one party is for its eyes only.
    pub to: Option<PartyIndex>,
    /// The protocol's message, CBOR.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// Encodes a protocol message. `None` if the library's type refuses, which no sound value does.
pub(crate) fn encode(message: &impl Serialize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    ciborium::into_writer(message, &mut body).ok()?;
    Some(body)
}

/// Decodes a body whose size was checked already. Only the bytes that [`encode`] makes of the
/// value are accepted: no unknown fields, no second spelling of the same message, nothing after
/// it.
pub(crate) fn decode<M: Serialize + DeserializeOwned>(
    body: &[u8],
    shape: &shape::Shape,
) -> Option<M> {
    if !shape.admits(body) {
        return None;
    }
    let mut rest = body;
    let message: M = ciborium::from_reader(&mut rest).ok()?;
    let canonical = rest.is_empty() && encode(&message)? == body;
    canonical.then_some(message)
}
