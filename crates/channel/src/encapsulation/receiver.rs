use super::context::ReceiverContext;
use super::{
    EnclaveKeyId, EnclaveKeyPair, HEADER_BYTES, KEY_BYTES, MAX_SEALED_BYTES, PopValue,
    RequestBinding, ResponseSealer, Suite, TAG_BYTES, VERSION, info, padding,
};
use crate::{Error, Result};
use zeroize::Zeroizing;

/// An opened request.
pub struct Opened {
    /// The payload, wiped on drop.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The value over which the payload's proof of possession must have been made.
    pub pop: PopValue,
    /// Seals the one answer to this request.
    pub responder: ResponseSealer,
}

struct Parsed<'a> {
    suite: Suite,
    key_id: EnclaveKeyId,
    enc: &'a [u8; KEY_BYTES],
    header: &'a [u8; HEADER_BYTES],
    ciphertext: &'a [u8],
}

fn parse(sealed: &[u8]) -> Result<Parsed<'_>> {
    if sealed.len() > MAX_SEALED_BYTES {
        return Err(Error::SealedTooLarge);
    }
    let (header, ciphertext) =
        sealed.split_first_chunk::<HEADER_BYTES>().ok_or(Error::SealedMalformed)?;
    let ([version, suite], rest) = header.split_first_chunk::<2>().ok_or(Error::SealedMalformed)?;
    let (key_id, rest) = rest.split_first_chunk::<KEY_BYTES>().ok_or(Error::SealedMalformed)?;
    let enc: &[u8; KEY_BYTES] = rest.try_into().map_err(|_| Error::SealedMalformed)?;
    if *version != VERSION || ciphertext.len() < TAG_BYTES {
        return Err(Error::SealedMalformed);
    }
    let suite = Suite::from_code(*suite).ok_or(Error::SealedMalformed)?;
    Ok(Parsed { suite, key_id: EnclaveKeyId::from_bytes(*key_id), enc, header, ciphertext })
}

/// The enclave key that a request is sealed to, for routing. Nothing is verified.
///
/// # Errors
/// [`Error::SealedTooLarge`], [`Error::SealedMalformed`].
pub fn peek_key_id(sealed: &[u8]) -> Result<EnclaveKeyId> {
    parse(sealed).map(|parsed| parsed.key_id)
}

impl EnclaveKeyPair {
    /// Opens a request that was sealed to this key for `binding`.
    ///
    /// # Errors
    /// [`Error::WrongKey`] if it names another key (the client must attest again),
    /// [`Error::SealedTooLarge`], [`Error::SealedMalformed`], or [`Error::Opening`] if it was
    /// tampered with or sealed for another binding.
    pub fn open(&self, binding: &RequestBinding<'_>, sealed: &[u8]) -> Result<Opened> {
        let parsed = parse(sealed)?;
        if parsed.key_id != self.id() {
            return Err(Error::WrongKey);
        }
        let mut context =
            ReceiverContext::new(parsed.suite, &self.secret, &info(&self.id()), parsed.enc)?;
        let padded = context.open(parsed.ciphertext, &binding.associated_data(parsed.header))?;
        Ok(Opened {
            plaintext: padding::unpad(&padded)?,
            pop: context.pop(),
            responder: ResponseSealer::new(parsed.suite, *parsed.enc, context.response_secret()),
        })
    }
}
