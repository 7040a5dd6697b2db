//! Finished signatures, as a ceremony yields them.

use bitcoin::secp256k1::{
    Message, Secp256k1,
    ecdsa::{RecoverableSignature, RecoveryId, Signature as EcdsaSignature},
    schnorr::Signature as SchnorrSignature,
};

use crate::MessageError;

/// A signature of one of the schemes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureParts {
    /// ECDSA over secp256k1.
    Ecdsa {
        /// The scalar r, big endian.
        r: [u8; 32],
        /// The scalar s, big endian, in the lower half of the order.
        s: [u8; 32],
        /// Parity of the nonce point's y coordinate: 0 or 1.
        recovery_id: u8,
    },
    /// A BIP-340 signature.
    Bip340([u8; 64]),
    /// An Ed25519 signature (RFC 8032).
    Eddsa([u8; 64]),
}

/// An ECDSA signature known to be in range and low-s.
#[derive(Clone, Copy)]
pub(crate) struct LowS {
    pub(crate) r: [u8; 32],
    pub(crate) s: [u8; 32],
    pub(crate) recovery_id: u8,
}

impl LowS {
    /// r and s one after the other.
    pub(crate) fn compact(&self) -> [u8; 64] {
        let mut compact = [0; 64];
        compact[..32].copy_from_slice(&self.r);
        compact[32..].copy_from_slice(&self.s);
        compact
    }

    pub(crate) fn to_der(self) -> Result<EcdsaSignature, MessageError> {
        EcdsaSignature::from_compact(&self.compact()).map_err(|_| MessageError::SignatureInvalid)
    }

    /// The key that made this signature of a hash.
    pub(crate) fn recover(
        &self,
        hash: &[u8; 32],
    ) -> Result<bitcoin::secp256k1::PublicKey, MessageError> {
        let recovery_id = RecoveryId::from_i32(i32::from(self.recovery_id))
            .map_err(|_| MessageError::SignatureInvalid)?;
        let signature = RecoverableSignature::from_compact(&self.compact(), recovery_id)
            .map_err(|_| MessageError::SignatureInvalid)?;
        Secp256k1::verification_only()
            .recover_ecdsa(&Message::from_digest(*hash), &signature)
            .map_err(|_| MessageError::SignatureInvalid)
    }
}

impl SignatureParts {
    /// The ECDSA signature. Recovery ids 2 and 3 (r overflowed) are refused: Ethereum knows none.
    pub(crate) fn ecdsa(&self) -> Result<LowS, MessageError> {
        let Self::Ecdsa { r, s, recovery_id } = self else {
            return Err(MessageError::SignatureScheme);
        };
        if *recovery_id > 1 {
            return Err(MessageError::SignatureInvalid);
        }
        let signature = LowS { r: *r, s: *s, recovery_id: *recovery_id };
        let der = signature.to_der()?;
        let mut normalized = der;
        normalized.normalize_s();
        // High s is a second valid signature of the same message (EIP-2, BIP-146 forbid it).
        if normalized != der {
            return Err(MessageError::SignatureInvalid);
        }
        Ok(signature)
    }

    pub(crate) fn bip340(&self) -> Result<SchnorrSignature, MessageError> {
        let Self::Bip340(signature) = self else { return Err(MessageError::SignatureScheme) };
        SchnorrSignature::from_slice(signature).map_err(|_| MessageError::SignatureInvalid)
    }

    pub(crate) fn eddsa(&self) -> Result<&[u8; 64], MessageError> {
        let Self::Eddsa(signature) = self else { return Err(MessageError::SignatureScheme) };
        Ok(signature)
    }
}
