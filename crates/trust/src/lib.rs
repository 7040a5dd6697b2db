//! What an operator says and an enclave believes.
//!
//! One job: check and hash the trust configuration that is measured into an image ([`Trust`]), sign
//! and verify the documents of tenants ([`sign`], [`verify`]), and tell an operator what is wrong with
//! one before he signs it ([`check`], [`weaknesses`]). The enclave and the operator's program use the
//! same code, so that nothing is signed or measured that an enclave would refuse. Pure: no I/O.
//!
//! Trusts the operator key that the trust configuration names, and nothing else. Where a document or a
//! configuration comes from does not matter: sizes are capped before anything is parsed, and unknown
//! fields are refused.
//!
//! ```
//! use sharekeep_trust::{sign, verify};
//! # use sharekeep_schemas::tenant::{TenantDocument, Issuer, IssuerKeys};
//! # let document = TenantDocument { version: 1, tenant: "shop".parse().unwrap(), serial: 1,
//! #     issuers: vec![], origins: vec![], session_lifetime_s: 900, requests_per_minute: 60 };
//! let operator = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
//! let signed = sign(&operator, &document);
//! assert_eq!(verify(&operator.verifying_key(), &signed).unwrap(), document);
//! let stranger = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
//! assert!(verify(&stranger.verifying_key(), &signed).is_err());
//! ```

mod configuration;
mod document;
mod error;
mod review;

pub use configuration::Trust;
pub use document::{sign, verify};
pub use error::Error;
pub use review::{Weakness, check, weaknesses};
