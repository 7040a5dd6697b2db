use super::context::SenderContext;
use super::{
    EnclavePublicKey, HEADER_BYTES, KEY_BYTES, PopValue, RequestBinding, ResponseOpener, Suite,
    header, info, padding,
};
use crate::Result;
use rand_core::CryptoRngCore;

/// The client's side of one sealed request: made, asked for its [`pop`](Self::pop), used up by
/// [`seal`](Self::seal). A retry sends the sealed bytes again; it does not seal again.
pub struct Sender {
    context: SenderContext,
    suite: Suite,
    enc: [u8; KEY_BYTES],
    header: [u8; HEADER_BYTES],
    aad: Vec<u8>,
    pop: PopValue,
}

impl Sender {
    /// Starts a request to the holder of `key`, which the caller has taken from a verified
    /// attestation document.
    ///
    /// # Errors
    /// [`Error::PublicKeyMalformed`](crate::Error::PublicKeyMalformed) if the key is a point of
    /// small order.
    pub fn new(
        key: &EnclavePublicKey,
        suite: Suite,
        binding: &RequestBinding<'_>,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Self> {
        let (enc, context) = SenderContext::new(suite, &key.to_kem()?, &info(&key.id()), rng)?;
        let header = header(suite, &key.id(), &enc);
        let (aad, pop) = (binding.associated_data(&header), context.pop());
        Ok(Self { context, suite, enc, header, aad, pop })
    }

    /// The value that a session key signs inside the payload to prove itself.
    #[must_use]
    pub const fn pop(&self) -> &PopValue {
        &self.pop
    }

    /// Pads and seals the payload; the opener reads the answer, as often as it arrives.
    ///
    /// # Errors
    /// [`Error::PlaintextTooLarge`](crate::Error::PlaintextTooLarge).
    pub fn seal(mut self, plaintext: &[u8]) -> Result<(Vec<u8>, ResponseOpener)> {
        let ciphertext = self.context.seal(&padding::pad(plaintext)?, &self.aad)?;
        let mut sealed = Vec::with_capacity(HEADER_BYTES + ciphertext.len());
        sealed.extend_from_slice(&self.header);
        sealed.extend_from_slice(&ciphertext);
        Ok((sealed, ResponseOpener::new(self.suite, self.enc, self.context.response_secret())))
    }
}
