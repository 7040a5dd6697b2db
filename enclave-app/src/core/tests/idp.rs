//! An identity provider with real keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// Signs tokens with every algorithm we allow, and with some that we do not.
pub(crate) struct IdentityProvider {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

impl IdentityProvider {
    /// The keys are made once for all tests.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<IdentityProvider> = OnceLock::new();
        SHARED.get_or_init(|| Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            ed25519: Ed25519KeyPair::generate().unwrap(),
        })
    }

    /// The published set: `rsa`, `p256`, `p384`, `ed25519`, and one key of each kind that is set
    /// aside for something else.
    pub(crate) fn jwks(&self) -> String {
        let public = self.rsa.public_key();
        let rsa = json!({
            "kty": "RSA", "kid": "rsa", "use": "sig",
            "n": B64.encode(public.modulus().big_endian_without_leading_zero()),
            "e": B64.encode(public.exponent().big_endian_without_leading_zero()),
        });
        let ec = |kid: &str, crv: &str, key: &EcdsaKeyPair| {
            let point = &key.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({"kty": "EC", "kid": kid, "crv": crv, "x": B64.encode(x), "y": B64.encode(y)})
        };
        let mut for_encryption = rsa.clone();
        for_encryption["kid"] = "rsa-encryption".into();
        for_encryption["use"] = "enc".into();
        let mut only_pss = rsa.clone();
        only_pss["kid"] = "rsa-pss".into();
        only_pss["alg"] = "PS256".into();
        json!({"keys": [
            rsa, for_encryption, only_pss,
            ec("p256", "P-256", &self.p256), ec("p384", "P-384", &self.p384),
            {"kty": "OKP", "kid": "ed25519", "crv": "Ed25519",
             "x": B64.encode(self.ed25519.public_key().as_ref())},
            {"kty": "oct", "kid": "shared", "k": B64.encode(b"a secret that should not be here")},
            {"kty": "of a kind that nobody knows", "kid": "odd"},
        ]})
        .to_string()
    }

    /// A token with this header and these claims, signed as the header says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let bytes = message.as_bytes();
        let random = SystemRandom::new();
        let rsa = |padding| {
            let mut out = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(padding, &random, bytes, &mut out).unwrap();
            out
        };
        let signature = match header["alg"].as_str().unwrap_or_default() {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "ES256" => self.p256.sign(&random, bytes).unwrap().as_ref().to_vec(),
            "ES384" => self.p384.sign(&random, bytes).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed25519.sign(bytes).as_ref().to_vec(),
            // The classic confusion: the public key's text as an HMAC secret.
            "HS256" => {
                let mut mac = Hmac::<sha2::Sha256>::new_from_slice(self.jwks().as_bytes()).unwrap();
                mac.update(bytes);
                mac.finalize().into_bytes().to_vec()
            }
            _ => vec![],
        };
        format!("{message}.{}", B64.encode(signature))
    }
}

fn part(value: &Value) -> String {
    B64.encode(value.to_string())
}
