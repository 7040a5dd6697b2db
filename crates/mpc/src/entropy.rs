//! A ceremony's own randomness.

use chacha20::{
    ChaCha20,
    cipher::{KeyIvInit, StreamCipher},
};
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

/// ChaCha20 (RFC 8439) keystream under a key drawn once from the caller's generator: a ceremony
/// outlives the call that started it, so it cannot borrow one. The key is wiped on drop, and the
/// type can be neither cloned nor serialised: a nonce drawn twice gives the key away.
pub(crate) struct CeremonyRng(ChaCha20);

impl CeremonyRng {
    pub(crate) fn seeded_by(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut key = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(&mut *key);
        Self(ChaCha20::new(&(*key).into(), &[0u8; 12].into()))
    }
}

impl RngCore for CeremonyRng {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// # Panics
    /// After 256 GiB of output, which no ceremony comes near: better than repeating itself.
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        dest.fill(0);
        self.0.apply_keystream(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for CeremonyRng {}
