use crate::{Error, Result};
use zeroize::Zeroizing;

const LENGTH_BYTES: usize = 4;
const SMALLEST_BYTES: usize = 512;
const STEP_BYTES: usize = 64 * 1024;
/// The last whole step that fits under [`super::MAX_SEALED_BYTES`] with header and tag.
const LARGEST_BYTES: usize = super::MAX_SEALED_BYTES - STEP_BYTES;

/// Longest plaintext of one sealed message, in bytes.
pub const MAX_PLAINTEXT_BYTES: usize = LARGEST_BYTES - LENGTH_BYTES;

/// Length of a plaintext of `plaintext_bytes` after padding, or `None` if it is over
/// [`MAX_PLAINTEXT_BYTES`].
///
/// Four bytes of length are added; then: up to 64 KiB the next power of two from 512 bytes on,
/// above it the next multiple of 64 KiB. An observer learns one of 38 sizes; padding costs at most
/// as much again as the message.
#[must_use]
pub const fn padded_len(plaintext_bytes: usize) -> Option<usize> {
    if plaintext_bytes > MAX_PLAINTEXT_BYTES {
        return None;
    }
    let needed = plaintext_bytes + LENGTH_BYTES;
    Some(if needed <= SMALLEST_BYTES {
        SMALLEST_BYTES
    } else if needed <= STEP_BYTES {
        needed.next_power_of_two()
    } else {
        needed.div_ceil(STEP_BYTES) * STEP_BYTES
    })
}

pub(crate) fn pad(plaintext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let padded = padded_len(plaintext.len()).ok_or(Error::PlaintextTooLarge)?;
    // Allocated once at full size: growing would leave copies of the plaintext behind.
    let mut out = Zeroizing::new(vec![0; padded]);
    out[..LENGTH_BYTES].copy_from_slice(&(plaintext.len() as u32).to_be_bytes());
    out[LENGTH_BYTES..LENGTH_BYTES + plaintext.len()].copy_from_slice(plaintext);
    Ok(out)
}

/// Only what [`pad`] writes is accepted, so that one plaintext has one padded form.
pub(crate) fn unpad(padded: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let (length, rest) = padded.split_first_chunk::<LENGTH_BYTES>().ok_or(Error::Opening)?;
    let length = u32::from_be_bytes(*length) as usize;
    if padded_len(length) != Some(padded.len()) {
        return Err(Error::Opening);
    }
    let (plaintext, padding) = rest.split_at(length);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Error::Opening);
    }
    Ok(Zeroizing::new(plaintext.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_of_similar_length_look_the_same() {
        assert_eq!(padded_len(0), Some(512));
        assert_eq!(padded_len(508), Some(512));
        assert_eq!(padded_len(509), Some(1024));
        assert_eq!(padded_len(65_532), Some(65_536));
        assert_eq!(padded_len(65_533), Some(131_072));
        assert_eq!(padded_len(MAX_PLAINTEXT_BYTES), Some(LARGEST_BYTES));
        assert_eq!(padded_len(MAX_PLAINTEXT_BYTES + 1), None);
        assert_eq!(padded_len(usize::MAX), None);
    }

    #[test]
    fn padding_that_is_not_zero_or_not_the_bucket_is_refused() {
        let mut padded = pad(b"abc").unwrap();
        assert_eq!(unpad(&padded).unwrap().as_slice(), b"abc");
        assert!(unpad(&padded[..511]).is_err());
        *padded.last_mut().unwrap() = 1;
        assert!(unpad(&padded).is_err());
        assert!(unpad(&[0, 0]).is_err());
        assert!(unpad(&[0xff; 512]).is_err());
    }

    proptest! {
        #[test]
        fn every_plaintext_comes_back(length in 0usize..200_000) {
            let plaintext: Vec<u8> = (0..length).map(|i| i as u8).collect();
            prop_assert_eq!(&**unpad(&pad(&plaintext).unwrap()).unwrap(), &*plaintext);
        }
    }
}
