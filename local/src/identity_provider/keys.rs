use std::path::Path;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Error, data_dir};

/// The keys of one issuer: an RSA and a P-256 key, kept in files.
pub(super) struct SigningKeys {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    rsa_id: String,
    ec_id: String,
}

impl SigningKeys {
    pub(super) fn load_or_create(dir: &Path, issuer_name: &str) -> Result<Self, Error> {
        let path = dir.join(format!("{issuer_name}.rsa.p8"));
        let rsa = data_dir::read_or_create(&path, generate_rsa)?;
        let rsa = RsaKeyPair::from_pkcs8(&rsa).map_err(|e| Error::damaged(&path, e))?;
        let path = dir.join(format!("{issuer_name}.p256.p8"));
        let ec = data_dir::read_or_create(&path, generate_ec)?;
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ec)
            .map_err(|e| Error::damaged(&path, e))?;
        Ok(Self::new(rsa, ec))
    }

    /// Keys that no issuer publishes.
    pub(super) fn foreign() -> Result<Self, Error> {
        let rsa = RsaKeyPair::from_pkcs8(&generate_rsa()?).map_err(|_| Error::Key("an RSA key"))?;
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &generate_ec()?)
            .map_err(|_| Error::Key("a P-256 key"))?;
        Ok(Self::new(rsa, ec))
    }

    fn new(rsa: RsaKeyPair, ec: EcdsaKeyPair) -> Self {
        let id = |public: &[u8]| B64.encode(&Sha256::digest(public)[..12]);
        let rsa_id = id(rsa.public_key().as_ref());
        let ec_id = id(ec.public_key().as_ref());
        Self { rsa, ec, rsa_id, ec_id }
    }

    /// The JWK set (RFC 7517).
    pub(super) fn jwks(&self) -> Value {
        let public = self.rsa.public_key();
        let n = public.modulus().big_endian_without_leading_zero();
        let e = public.exponent().big_endian_without_leading_zero();
        // 0x04, then both coordinates.
        let (x, y) = self.ec.public_key().as_ref()[1..].split_at(32);
        json!({ "keys": [
            { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.rsa_id,
              "n": B64.encode(n), "e": B64.encode(e) },
            { "kty": "EC", "use": "sig", "alg": "ES256", "kid": self.ec_id, "crv": "P-256",
              "x": B64.encode(x), "y": B64.encode(y) },
        ]})
    }

    pub(super) fn rsa_id(&self) -> &str {
        &self.rsa_id
    }

    pub(super) fn ec_id(&self) -> &str {
        &self.ec_id
    }

    /// The public RSA key as an application that trusts it would have it at hand (SPKI, DER).
    pub(super) fn rsa_public_der(&self) -> Result<Vec<u8>, Error> {
        let der: PublicKeyX509Der<'_> =
            self.rsa.public_key().as_der().map_err(|_| Error::Key("a public key"))?;
        Ok(der.as_ref().to_vec())
    }

    pub(super) fn sign_rs256(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| Error::Key("an RSA signature"))?;
        Ok(signature)
    }

    pub(super) fn sign_ps256(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| Error::Key("an RSA signature"))?;
        Ok(signature)
    }

    pub(super) fn sign_es256(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self
            .ec
            .sign(&SystemRandom::new(), message)
            .map_err(|_| Error::Key("a P-256 signature"))?;
        Ok(signature.as_ref().to_vec())
    }
}

fn generate_rsa() -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |_| Error::Key("an RSA key");
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

fn generate_ec() -> Result<Zeroizing<Vec<u8>>, Error> {
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| Error::Key("a P-256 key"))?;
    Ok(Zeroizing::new(pkcs8.as_ref().to_vec()))
}
