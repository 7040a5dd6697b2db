//! The one way this crate writes and reads its own CBOR: values in core deterministic encoding.

use ciborium::Value;

/// Nesting accepted in any CBOR this crate reads. Ours nests twice, attestation documents thrice.
const MAX_DEPTH: usize = 8;

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).expect("writing to memory can't fail");
    out
}

/// Reads one value and nothing behind it. The caller has capped the length of `bytes`.
pub(crate) fn decode(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH).ok()?;
    rest.is_empty().then_some(value)
}

/// Reads a value that must be in the encoding [`encode`] writes, so that no two byte strings mean
/// the same signed statement.
pub(crate) fn decode_canonical(bytes: &[u8]) -> Option<Value> {
    decode(bytes).filter(|value| encode(value) == bytes)
}

pub(crate) fn bytes<const N: usize>(value: &Value) -> Option<[u8; N]> {
    value.as_bytes()?.as_slice().try_into().ok()
}

pub(crate) fn number(value: &Value) -> Option<u64> {
    value.as_integer()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_form_of_the_same_number_is_refused() {
        assert!(decode_canonical(&[0x01]).is_some());
        assert!(decode_canonical(&[0x18, 0x01]).is_none());
    }

    #[test]
    fn bytes_behind_the_value_are_refused() {
        assert!(decode(&[0x01, 0x01]).is_none());
    }

    #[test]
    fn deep_nesting_ends_instead_of_recursing() {
        assert!(decode(&[0x81; 100_000]).is_none());
    }
}
