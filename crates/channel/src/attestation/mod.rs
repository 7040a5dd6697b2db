//! Verification of AWS Nitro attestation documents, and what an enclave of this service states in
//! one.
//!
//! A document is an untagged COSE_Sign1 (RFC 9052) signed with ES384 by a leaf certificate whose
//! chain it carries. [`verify`] checks, with root, time, image and nonce all given by the caller:
//! size, shape, algorithm, the chain with path and validity, the signature, the time, that the
//! enclave is not in debug mode, the image, the nonce. Root and allowed images come from what the
//! verifier pins, never from the service.
//!
//! [`verify_enclave`] also reads the [`Statement`] in `user_data` and the HPKE key in `public_key`.

mod chain;
mod document;
mod es384;
mod pcr;
mod statement;
#[cfg(test)]
mod tests;

pub use pcr::{Pcr, PcrSet};
pub use statement::{EnclaveIdentity, Statement, TrustConfigHash, verify_enclave};

use crate::{Error, Result};
use std::time::Duration;

/// The root of AWS's chains (G1, valid until 2049), DER. AWS publishes its SHA-256 as
/// `64:1A:03:21:A3:E2:44:EF:E4:56:46:31:95:D6:06:31:7E:D7:CD:CC:3C:17:56:E0:98:93:F3:C6:8F:79:BB:5B`.
pub const AWS_ROOT_DER: &[u8] = include_bytes!("../../fixtures/aws_nitro_root_g1.der");

/// Longest document accepted, in bytes. Real ones have about 5 kB; the device's own limits allow
/// no more than 13.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024;

/// How far a document's time may lie ahead of the verifier's clock.
const MAX_SKEW: Duration = Duration::from_secs(60);

/// The nonce a document must answer.
#[derive(Clone, Copy, Debug)]
pub enum ExpectedNonce<'a> {
    /// The document answers this verifier's own fresh challenge.
    Exactly(&'a [u8]),
    /// Freshness rests on the document's time alone, as in KMS.
    NotChecked,
}

/// What a document is held against.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The pinned root certificate, DER; [`AWS_ROOT_DER`] in production.
    pub root_der: &'a [u8],
    /// The verifier's time.
    pub now_unix_s: u64,
    /// Greatest age of the document.
    pub max_age: Duration,
    /// The images that may answer. Empty allows none.
    pub allowed_pcrs: &'a [PcrSet],
    /// The challenge.
    pub nonce: ExpectedNonce<'a>,
}

/// What a verified document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// The enclave's id, with its parent instance's.
    pub module_id: String,
    /// When the device signed.
    pub timestamp_unix_ms: u64,
    /// The measured image.
    pub pcrs: PcrSet,
    /// What the enclave put there: an HPKE key for clients, an RSA key for KMS.
    pub public_key: Option<Vec<u8>>,
    /// What the enclave put there.
    pub user_data: Option<Vec<u8>>,
    /// The challenge answered.
    pub nonce: Option<Vec<u8>>,
}

/// Verifies a document.
///
/// # Errors
/// One for each way to fail: [`Error::DocumentTooLarge`], [`Error::DocumentMalformed`],
/// [`Error::DocumentUnsigned`], [`Error::DocumentAlgorithm`], [`Error::WrongRoot`],
/// [`Error::ChainExpired`], [`Error::ChainNotYetValid`], [`Error::ChainInvalid`],
/// [`Error::DocumentSignature`], [`Error::DocumentStale`], [`Error::DocumentFromFuture`],
/// [`Error::DebugEnclave`], [`Error::PcrMismatch`], [`Error::WrongNonce`].
pub fn verify(document: &[u8], policy: &Policy<'_>) -> Result<Attested> {
    let signed = document::Signed::parse(document)?;
    let leaf = signed.document.certificate.as_slice().into();
    let leaf = chain::verify(&leaf, &signed.document.cabundle, policy)?;
    es384::verify(&leaf, &signed.to_be_signed, &signed.signature)?;

    let document = signed.document;
    check_age(document.timestamp_unix_ms, policy)?;
    if document.pcrs.is_debug() {
        return Err(Error::DebugEnclave);
    }
    if !policy.allowed_pcrs.contains(&document.pcrs) {
        return Err(Error::PcrMismatch(Box::new(document.pcrs)));
    }
    if let ExpectedNonce::Exactly(expected) = policy.nonce
        && document.nonce.as_deref() != Some(expected)
    {
        return Err(Error::WrongNonce);
    }
    Ok(Attested {
        module_id: document.module_id,
        timestamp_unix_ms: document.timestamp_unix_ms,
        pcrs: document.pcrs,
        public_key: document.public_key,
        user_data: document.user_data,
        nonce: document.nonce,
    })
}

fn check_age(timestamp_unix_ms: u64, policy: &Policy<'_>) -> Result<()> {
    let timestamp = Duration::from_millis(timestamp_unix_ms);
    let now = Duration::from_secs(policy.now_unix_s);
    if timestamp > now.saturating_add(MAX_SKEW) {
        return Err(Error::DocumentFromFuture);
    }
    if timestamp.saturating_add(policy.max_age) < now {
        return Err(Error::DocumentStale);
    }
    Ok(())
}
