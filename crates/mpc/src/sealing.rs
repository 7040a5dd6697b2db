//! The explicit byte form of secrets, for a caller that seals it at once.

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{Fault, wire::shape::Shape};

/// Encodes into a buffer that is large enough from the start: growing would leave copies behind.
pub(crate) fn to_bytes(value: &impl Serialize, capacity: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    // Writing CBOR into memory fails only if a type's own `Serialize` does, and none here does.
    ciborium::into_writer(value, &mut *bytes).expect("plain data always encodes");
    bytes
}

/// Decodes what [`to_bytes`] made, capped before parsing.
pub(crate) fn from_bytes<T: DeserializeOwned>(
    bytes: &[u8],
    largest: usize,
    shape: &Shape,
) -> Result<T, Fault> {
    if bytes.len() > largest || !shape.admits(bytes) {
        return Err(Fault::Unopenable);
    }
    let mut rest = bytes;
    let value = ciborium::from_reader(&mut rest).map_err(|_| Fault::Unopenable)?;
    if rest.is_empty() { Ok(value) } else { Err(Fault::Unopenable) }
}
