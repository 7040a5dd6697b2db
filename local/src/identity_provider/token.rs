use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde_json::{Map, Value, json};

use super::Issuer;
use super::keys::SigningKeys;
use crate::Error;

/// How long a token is good for, in seconds.
pub const TOKEN_LIFETIME_S: u64 = 300;

/// What a token is signed with. All but the first three are what attackers try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signing {
    /// RSASSA-PKCS1-v1_5 with the issuer's RSA key.
    Rs256,
    /// RSASSA-PSS with the issuer's RSA key.
    Ps256,
    /// ECDSA with the issuer's P-256 key.
    Es256,
    /// Not at all: `alg` is `none` (RFC 8725 section 2.1).
    Unsigned,
    /// HMAC keyed with the issuer's *public* key, which anyone has (RFC 8725 section 2.1).
    Hs256WithPublicKey,
    /// An RSA key the issuer never published, under a key id it never published.
    ForeignKey,
    /// An RSA key the issuer never published, under the id of one it did.
    ForeignKeyUnderKnownId,
}

/// A token that is not signed yet. It starts out good; change what a test wants wrong.
pub struct TokenDraft<'a> {
    issuer: &'a Issuer,
    claims: Map<String, Value>,
}

impl<'a> TokenDraft<'a> {
    pub(super) fn new(issuer: &'a Issuer, subject: &str, audience: &str) -> Self {
        let now = unix_now_s();
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the system's random source works on every Linux");
        let claims = json!({
            "iss": issuer.url(),
            "sub": subject,
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFETIME_S,
            "auth_time": now,
            "jti": hex::encode(id),
        });
        let Value::Object(claims) = claims else { unreachable!("json! made an object") };
        Self { issuer, claims }
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Binds the token to a session key by its id.
    #[must_use]
    pub fn nonce(self, session_key_id: &str) -> Self {
        self.claim("nonce", session_key_id)
    }

    /// The compact form (RFC 7515 section 3.1).
    ///
    /// # Errors
    /// [`Error::Key`] when a signature cannot be made.
    pub fn sign(self, signing: Signing) -> Result<String, Error> {
        let keys = &self.issuer.keys;
        let foreign;
        let (alg, kid, keys) = match signing {
            Signing::Rs256 => ("RS256", Some(keys.rsa_id()), keys),
            Signing::Ps256 => ("PS256", Some(keys.rsa_id()), keys),
            Signing::Es256 => ("ES256", Some(keys.ec_id()), keys),
            Signing::Unsigned => ("none", None, keys),
            Signing::Hs256WithPublicKey => ("HS256", Some(keys.rsa_id()), keys),
            Signing::ForeignKey => {
                foreign = SigningKeys::foreign()?;
                ("RS256", Some(foreign.rsa_id()), &foreign)
            }
            Signing::ForeignKeyUnderKnownId => {
                foreign = SigningKeys::foreign()?;
                ("RS256", Some(keys.rsa_id()), &foreign)
            }
        };
        let mut header = json!({ "typ": "JWT", "alg": alg });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let encode = |part: String| B64.encode(part.into_bytes());
        let claims = Value::Object(self.claims);
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let bytes = message.as_bytes();
        let signature = match signing {
            Signing::Rs256 | Signing::ForeignKey | Signing::ForeignKeyUnderKnownId => {
                keys.sign_rs256(bytes)?
            }
            Signing::Ps256 => keys.sign_ps256(bytes)?,
            Signing::Es256 => keys.sign_es256(bytes)?,
            Signing::Unsigned => Vec::new(),
            Signing::Hs256WithPublicKey => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &keys.rsa_public_der()?);
                hmac::sign(&key, bytes).as_ref().to_vec()
            }
        };
        Ok(format!("{message}.{}", B64.encode(signature)))
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
