//! What a device is told once, at `init`: where the service is and what it must prove. Public,
//! but whoever can change it can redirect the user: it lies in the owner-only home.

use crate::address::ServiceUrl;
use crate::{Error, Result};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use sharekeep_channel::attestation::{AWS_ROOT_DER, PcrSet};
use sharekeep_schemas::TenantId;

/// Most measurements an allowlist may hold.
const MAX_ALLOWED_PCRS: usize = 64;
/// The settings' format.
const VERSION: u8 = 1;

/// A device's settings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    version: u8,
    /// Where the service is.
    pub url: ServiceUrl,
    /// The app whose users sign in.
    pub tenant: TenantId,
    /// Who vouches for the enclave's hardware.
    pub root: AttestationRoot,
    /// The images that are trusted: one of these must have been measured.
    pub allowed_pcrs: Vec<PcrSet>,
    /// Certificate authorities (PEM) to trust for the service instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities_pem: Option<String>,
}

/// The root certificate that attestation documents must lead to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "RootText", into = "RootText")]
pub enum AttestationRoot {
    /// AWS Nitro Enclaves, built in.
    Aws,
    /// Another one (DER), as development deployments have.
    Own(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum RootText {
    Aws,
    CertificateBase64(String),
}

impl TryFrom<RootText> for AttestationRoot {
    type Error = base64::DecodeError;

    fn try_from(text: RootText) -> Result<Self, base64::DecodeError> {
        match text {
            RootText::Aws => Ok(Self::Aws),
            RootText::CertificateBase64(text) => BASE64.decode(text).map(Self::Own),
        }
    }
}

impl From<AttestationRoot> for RootText {
    fn from(root: AttestationRoot) -> Self {
        match root {
            AttestationRoot::Aws => Self::Aws,
            AttestationRoot::Own(der) => Self::CertificateBase64(BASE64.encode(der)),
        }
    }
}

impl AttestationRoot {
    /// Takes a root from a file's content, PEM or DER.
    ///
    /// # Errors
    /// [`Error::Usage`] if it holds no certificate or more than one.
    pub fn from_file_content(content: &[u8]) -> Result<Self> {
        use rustls_pki_types::{CertificateDer, pem::PemObject};
        if !content.starts_with(b"-----") {
            // A certificate is a DER SEQUENCE; anything closer is the verifier's business.
            return match content.first() {
                Some(0x30) => Ok(Self::Own(content.to_vec())),
                _ => Err(Error::Usage("the root is neither PEM nor DER".to_owned())),
            };
        }
        let found: Vec<_> = CertificateDer::pem_slice_iter(content).collect();
        match &found[..] {
            [Ok(der)] => Ok(Self::Own(der.to_vec())),
            _ => Err(Error::Usage("the root file must hold exactly one certificate".to_owned())),
        }
    }

    /// The certificate.
    pub fn der(&self) -> &[u8] {
        match self {
            Self::Aws => AWS_ROOT_DER,
            Self::Own(der) => der,
        }
    }
}

impl Settings {
    /// Puts settings together.
    ///
    /// # Errors
    /// [`Error::Usage`] if no image is trusted or too many are.
    pub fn new(
        url: ServiceUrl,
        tenant: TenantId,
        root: AttestationRoot,
        allowed_pcrs: Vec<PcrSet>,
        authorities_pem: Option<String>,
    ) -> Result<Self> {
        let settings = Self { version: VERSION, url, tenant, root, allowed_pcrs, authorities_pem };
        settings.check().map_err(|why| Error::Usage(why.to_owned()))?;
        Ok(settings)
    }

    /// Reads an allowlist of measurements: a JSON array of `{"pcr0", "pcr1", "pcr2"}` in hex, or
    /// one such object.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is something else.
    pub fn read_allowlist(json: &[u8]) -> Result<Vec<PcrSet>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum File {
            Many(Vec<PcrSet>),
            One(PcrSet),
        }
        match serde_json::from_slice(json) {
            Ok(File::Many(sets)) => Ok(sets),
            Ok(File::One(set)) => Ok(vec![set]),
            Err(_) => Err(Error::Usage(
                "the PCR allowlist must be a JSON array of {\"pcr0\", \"pcr1\", \"pcr2\"} in hex"
                    .to_owned(),
            )),
        }
    }

    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.version != VERSION {
            return Err("the settings are of another version");
        }
        if self.allowed_pcrs.is_empty() {
            return Err("no enclave image is trusted: the PCR allowlist is empty");
        }
        if self.allowed_pcrs.len() > MAX_ALLOWED_PCRS {
            return Err("the PCR allowlist is too long");
        }
        // All zero is what an enclave in debug mode measures: its memory can be read.
        if self.allowed_pcrs.iter().any(|set| set.pcr0.is_zero()) {
            return Err("the PCR allowlist would accept an enclave in debug mode");
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn allowlist(first_byte: &str) -> Vec<u8> {
        let pcr = first_byte.repeat(48);
        format!(r#"[{{"pcr0":"{pcr}","pcr1":"{pcr}","pcr2":"{pcr}"}}]"#).into_bytes()
    }

    pub(crate) fn example() -> Settings {
        Settings::new(
            "http://127.0.0.1:8787".parse().unwrap(),
            "demo".parse().unwrap(),
            AttestationRoot::Own(vec![0x30, 0x01]),
            Settings::read_allowlist(&allowlist("ab")).unwrap(),
            None,
        )
        .unwrap()
    }

    #[test]
    fn settings_survive_their_file() {
        let text = serde_json::to_string(&example()).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), example());
        let aws = Settings { root: AttestationRoot::Aws, ..example() };
        let text = serde_json::to_string(&aws).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), aws);
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let mut value = serde_json::to_value(example()).unwrap();
        value["trust_everything"] = true.into();
        assert!(serde_json::from_value::<Settings>(value).is_err());
    }

    #[test]
    fn an_empty_allowlist_is_refused() {
        let empty = Settings { allowed_pcrs: vec![], ..example() };
        assert!(empty.check().is_err());
    }

    #[test]
    fn an_allowlist_for_debug_enclaves_is_refused() {
        let debug = Settings::read_allowlist(&allowlist("00")).unwrap();
        assert!(Settings { allowed_pcrs: debug, ..example() }.check().is_err());
    }

    #[test]
    fn a_root_is_taken_from_der_and_nothing_else_by_chance() {
        assert!(AttestationRoot::from_file_content(&[0x30, 0]).is_ok());
        assert!(AttestationRoot::from_file_content(b"hello").is_err());
        assert!(AttestationRoot::from_file_content(b"-----BEGIN NOTHING-----").is_err());
        assert!(AttestationRoot::from_file_content(b"").is_err());
    }
}
