use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use sharekeep_schemas::ProblemCode;

/// Most keys in a set.
const MAX_KEYS: usize = 64;

/// An issuer's published keys.
pub(in crate::core) struct KeySet(Vec<Jwk>);

impl KeySet {
    /// Reads a JWK set (RFC 7517); keys of types that we do not know are left out.
    pub(in crate::core) fn parse(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(json).ok()?;
        if set.keys.len() > MAX_KEYS {
            return None;
        }
        let known = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Some(Self(known.collect()))
    }

    /// The key that a token names. Without a name there must be exactly one that fits.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<VerificationKey, ProblemCode> {
        let jwk = match kid {
            Some(kid) => {
                let mut named =
                    self.0.iter().filter(|jwk| jwk.common.key_id.as_deref() == Some(kid));
                match (named.next(), named.next()) {
                    (Some(jwk), None) if fits(jwk, algorithm) => jwk,
                    // The key exists, but is not one for this algorithm: no confusion of types.
                    (Some(_), None) => return Err(ProblemCode::TokenAlgorithm),
                    _ => return Err(ProblemCode::TokenKeyUnknown),
                }
            }
            None => {
                let mut fitting = self.0.iter().filter(|jwk| fits(jwk, algorithm));
                match (fitting.next(), fitting.next()) {
                    (Some(jwk), None) => jwk,
                    _ => return Err(ProblemCode::TokenKeyUnknown),
                }
            }
        };
        let key = DecodingKey::from_jwk(jwk).map_err(|_| ProblemCode::TokenKeyUnknown)?;
        Ok(VerificationKey { key, algorithm })
    }
}

/// Whether a key is of the algorithm's type and not set aside for something else.
fn fits(jwk: &Jwk, algorithm: Algorithm) -> bool {
    let kind = match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::PS256) => true,
        (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES256) => {
            ec.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES384) => {
            ec.curve == EllipticCurve::P384
        }
        (AlgorithmParameters::OctetKeyPair(okp), Algorithm::EdDSA) => {
            okp.curve == EllipticCurve::Ed25519
        }
        _ => false,
    };
    let common = &jwk.common;
    kind && common.key_algorithm.is_none_or(|own| own == KeyAlgorithm::from(algorithm))
        && common.public_key_use.as_ref().is_none_or(|own| *own == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|own| own.contains(&KeyOperations::Verify))
}

/// A key with the one algorithm it is used with.
pub(super) struct VerificationKey {
    key: DecodingKey,
    algorithm: Algorithm,
}

impl VerificationKey {
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        // Named, not the process-wide default: another crate cannot change what verifies tokens.
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.key)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}
