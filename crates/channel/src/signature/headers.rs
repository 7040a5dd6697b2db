use super::{LABEL, SIGNATURE_BYTES};
use crate::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const SIGNATURE_INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";
const CONTENT_DIGEST: &str = "content-digest";
/// Ours has about 330 bytes; a long header costs parsing before anything is known of the sender.
pub(super) const MAX_HEADER_BYTES: usize = 1024;

/// The three headers of a signed request, by value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureHeaders {
    /// `Signature-Input`
    pub signature_input: String,
    /// `Signature`
    pub signature: String,
    /// `Content-Digest`, present exactly if there is a body
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_digest: Option<String>,
}

impl SignatureHeaders {
    /// Picks the three out of a request's headers (names in lower case).
    ///
    /// # Errors
    /// [`Error::SignatureMissing`] if one is absent or repeated: with two values, two parties could
    /// believe two things. [`Error::SignatureMalformed`] if one is too long or not text.
    pub fn collect<'h>(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Result<Self> {
        let (mut signature_input, mut signature, mut content_digest) = (None, None, None);
        for (name, value) in headers {
            let slot = match name {
                SIGNATURE_INPUT => &mut signature_input,
                SIGNATURE => &mut signature,
                CONTENT_DIGEST => &mut content_digest,
                _ => continue,
            };
            if value.len() > MAX_HEADER_BYTES || !value.is_ascii() {
                return Err(Error::SignatureMalformed);
            }
            let value = str::from_utf8(value).map_err(|_| Error::SignatureMalformed)?;
            if slot.replace(value.to_owned()).is_some() {
                return Err(Error::SignatureMissing);
            }
        }
        Ok(Self {
            signature_input: signature_input.ok_or(Error::SignatureMissing)?,
            signature: signature.ok_or(Error::SignatureMissing)?,
            content_digest,
        })
    }

    /// The headers to put on a request, names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [(SIGNATURE_INPUT, self.signature_input.as_str()), (SIGNATURE, self.signature.as_str())]
            .into_iter()
            .chain(self.content_digest.as_deref().map(|value| (CONTENT_DIGEST, value)))
    }

    pub(super) fn signature_bytes(&self) -> Result<[u8; SIGNATURE_BYTES]> {
        self.signature
            .strip_prefix(LABEL)
            .and_then(|rest| rest.strip_prefix("=:"))
            .and_then(|rest| rest.strip_suffix(':'))
            .filter(|text| text.len() <= MAX_HEADER_BYTES)
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(Error::SignatureMalformed)
    }
}

pub(super) fn signature_value(signature: &[u8; SIGNATURE_BYTES]) -> String {
    format!("{LABEL}=:{}:", STANDARD.encode(signature))
}

/// RFC 9530 section 2, SHA-256 only.
pub(super) fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9530 appendix D; the same digest as in RFC 9421 section 1.4's neighbourhood is SHA-512.
    #[test]
    fn digest_is_that_of_rfc_9530() {
        assert_eq!(
            content_digest(b"{\"hello\": \"world\"}\n"),
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        );
    }

    #[test]
    fn repeated_signature_headers_are_refused() {
        let header = |name: &'static str| (name, b"x".as_slice());
        let twice = [header(SIGNATURE_INPUT), header(SIGNATURE), header(SIGNATURE)];
        assert!(matches!(SignatureHeaders::collect(twice), Err(Error::SignatureMissing)));
        let none: [(&str, &[u8]); 0] = [];
        assert!(matches!(SignatureHeaders::collect(none), Err(Error::SignatureMissing)));
    }
}
