use super::MAX_TOKEN_LIFETIME_S;
use serde::{Deserialize, Deserializer};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::limits::MAX_CLOCK_SKEW_S;

/// Longest subject in bytes (OpenID Connect Core section 2 allows 255).
const MAX_SUBJECT_BYTES: usize = 255;
/// Most audiences in one token.
const MAX_AUDIENCES: usize = 16;

/// The parts of a JOSE header that we read. Those that name keys or their places (`jwk`, `jku`,
/// `x5c`, `x5u`) are ignored on purpose: keys come from the tenant document.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    /// Extensions that must be understood; we understand none.
    pub(super) crit: Option<serde::de::IgnoredAny>,
}

/// The claims that we read.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    #[serde(deserialize_with = "one_or_many")]
    pub(super) aud: Vec<String>,
    #[serde(deserialize_with = "whole_seconds")]
    pub(super) exp: u64,
    #[serde(deserialize_with = "whole_seconds")]
    pub(super) iat: u64,
    #[serde(default, deserialize_with = "some_seconds")]
    pub(super) nbf: Option<u64>,
    pub(super) nonce: Option<String>,
    pub(super) cnf: Option<Confirmation>,
}

/// The `cnf` claim (RFC 7800).
#[derive(Deserialize)]
pub(super) struct Confirmation {
    pub(super) jkt: Option<String>,
}

impl Claims {
    pub(super) fn check_times(&self, now: u64) -> Result<(), ProblemCode> {
        if now > self.exp.saturating_add(MAX_CLOCK_SKEW_S) {
            return Err(ProblemCode::TokenExpired);
        }
        let begins = self.iat.max(self.nbf.unwrap_or(0));
        if begins > now.saturating_add(MAX_CLOCK_SKEW_S) {
            return Err(ProblemCode::TokenNotYetValid);
        }
        if self.exp.saturating_sub(self.iat) > MAX_TOKEN_LIFETIME_S {
            return Err(ProblemCode::TokenMalformed);
        }
        Ok(())
    }

    pub(super) fn check_subject(&self) -> Result<(), ProblemCode> {
        if (1..=MAX_SUBJECT_BYTES).contains(&self.sub.len()) {
            Ok(())
        } else {
            Err(ProblemCode::TokenMalformed)
        }
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    match Audience::deserialize(deserializer)? {
        Audience::One(one) => Ok(vec![one]),
        Audience::Many(many) if many.len() <= MAX_AUDIENCES => Ok(many),
        Audience::Many(_) => Err(serde::de::Error::custom("too many audiences")),
    }
}

/// A NumericDate may have a fraction (RFC 7519 section 2); it is dropped.
fn whole_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    if let Some(whole) = number.as_u64() {
        return Ok(whole);
    }
    match number.as_f64() {
        Some(seconds) if (0.0..1e15).contains(&seconds) => Ok(seconds as u64),
        _ => Err(serde::de::Error::custom("not a time")),
    }
}

fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    whole_seconds(deserializer).map(Some)
}
