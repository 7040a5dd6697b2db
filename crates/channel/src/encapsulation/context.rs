use super::{KEY_BYTES, POP_EXPORT_LABEL, PopValue, RESPONSE_EXPORT_LABEL, Suite};
use crate::{Error, Result};
use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm256, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng};
use rand_core::CryptoRngCore;
use std::convert::Infallible;
use zeroize::Zeroizing;

pub(crate) type Kdf = HkdfSha256;
pub(crate) type Kem = X25519HkdfSha256;
pub(crate) type PublicKey = <Kem as hpke::Kem>::PublicKey;
pub(crate) type SecretKey = <Kem as hpke::Kem>::PrivateKey;

/// Hands a caller's generator to the HPKE library, which speaks a later `rand_core`.
pub(super) struct Adapted<'a, R>(pub(super) &'a mut R);

impl<R: CryptoRngCore> hpke::rand_core::TryRng for Adapted<'_, R> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(out);
        Ok(())
    }
}

impl<R: CryptoRngCore> hpke::rand_core::TryCryptoRng for Adapted<'_, R> {}

pub(crate) enum SenderContext {
    ChaCha20Poly1305(Box<AeadCtxS<ChaCha20Poly1305, Kdf, Kem>>),
    Aes256Gcm(Box<AeadCtxS<AesGcm256, Kdf, Kem>>),
}

impl SenderContext {
    pub(crate) fn new(
        suite: Suite,
        key: &PublicKey,
        info: &[u8],
        rng: &mut impl CryptoRngCore,
    ) -> Result<([u8; KEY_BYTES], Self)> {
        let rng = &mut Adapted(rng);
        let (enc, context) = match suite {
            Suite::ChaCha20Poly1305 => setup_sender_with_rng(&OpModeS::Base, key, info, rng)
                .map(|(enc, context)| (enc, Self::ChaCha20Poly1305(Box::new(context)))),
            Suite::Aes256Gcm => setup_sender_with_rng(&OpModeS::Base, key, info, rng)
                .map(|(enc, context)| (enc, Self::Aes256Gcm(Box::new(context)))),
        }
        .map_err(|_| Error::PublicKeyMalformed)?;
        let mut bytes = [0; KEY_BYTES];
        enc.write_exact(&mut bytes);
        Ok((bytes, context))
    }

    pub(crate) fn seal(&mut self, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::ChaCha20Poly1305(context) => context.seal(plaintext, aad),
            Self::Aes256Gcm(context) => context.seal(plaintext, aad),
        }
        .map_err(|_| Error::Sealing)
    }
}

pub(crate) enum ReceiverContext {
    ChaCha20Poly1305(Box<AeadCtxR<ChaCha20Poly1305, Kdf, Kem>>),
    Aes256Gcm(Box<AeadCtxR<AesGcm256, Kdf, Kem>>),
}

impl ReceiverContext {
    pub(crate) fn new(
        suite: Suite,
        key: &SecretKey,
        info: &[u8],
        enc: &[u8; KEY_BYTES],
    ) -> Result<Self> {
        let enc =
            <Kem as hpke::Kem>::EncappedKey::from_bytes(enc).map_err(|_| Error::SealedMalformed)?;
        match suite {
            Suite::ChaCha20Poly1305 => setup_receiver(&OpModeR::Base, key, &enc, info)
                .map(|context| Self::ChaCha20Poly1305(Box::new(context))),
            Suite::Aes256Gcm => setup_receiver(&OpModeR::Base, key, &enc, info)
                .map(|context| Self::Aes256Gcm(Box::new(context))),
        }
        .map_err(|_| Error::Opening)
    }

    pub(crate) fn open(&mut self, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::ChaCha20Poly1305(context) => context.open(ciphertext, aad),
            Self::Aes256Gcm(context) => context.open(ciphertext, aad),
        }
        .map(Zeroizing::new)
        .map_err(|_| Error::Opening)
    }
}

/// What both ends take from the context beside the one message.
macro_rules! exports {
    ($context:ident) => {
        impl $context {
            fn export(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
                let mut out = Zeroizing::new([0; 32]);
                match self {
                    Self::ChaCha20Poly1305(context) => context.export(label, out.as_mut()),
                    Self::Aes256Gcm(context) => context.export(label, out.as_mut()),
                }
                .expect("32 bytes are less than HKDF can give");
                out
            }

            pub(super) fn pop(&self) -> PopValue {
                PopValue(*self.export(POP_EXPORT_LABEL))
            }

            pub(super) fn response_secret(&self) -> Zeroizing<[u8; 32]> {
                self.export(RESPONSE_EXPORT_LABEL)
            }
        }
    };
}
exports!(SenderContext);
exports!(ReceiverContext);
