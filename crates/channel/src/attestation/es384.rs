//! ES384 in its two wire forms, as webpki wants algorithms: DER in certificates, fixed length in
//! COSE. On `p384` so that the crate needs no C code.

use crate::{Error, Result};
use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use webpki::EndEntityCert;

#[derive(Debug)]
enum Form {
    Der,
    Fixed,
}

/// What certificates are signed with.
pub(super) static CERTIFICATE: &dyn SignatureVerificationAlgorithm = &Form::Der;
/// What documents are signed with (RFC 9053 section 2.1: r and s side by side).
static COSE: &dyn SignatureVerificationAlgorithm = &Form::Fixed;

impl SignatureVerificationAlgorithm for Form {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = match self {
            Self::Der => Signature::from_der(signature),
            Self::Fixed => Signature::from_slice(signature),
        }
        .map_err(|_| InvalidSignature)?;
        key.verify(message, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P384
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA384
    }
}

pub(super) fn verify(leaf: &EndEntityCert<'_>, message: &[u8], signature: &[u8]) -> Result<()> {
    leaf.verify_signature(COSE, message, signature).map_err(|_| Error::DocumentSignature)
}
