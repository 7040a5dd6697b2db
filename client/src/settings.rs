//! What a device is told once, at `init`: where the service is and what it must prove. Public,
//! but whoever can change it can redirect the user: it lies in the owner-only home.

use crate::address::ServiceUrl;
use crate::{Error, Result};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use sharekeep_channel::attestation::AWS_ROOT_DER;
use sharekeep_release::ReleaseKeys;
use sharekeep_schemas::TenantId;

/// The settings' format. The first one had a list of measurements in place of release keys.
const VERSION: u8 = 2;

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
    /// Who says which images are trusted: enough of these must have signed an image's release.
    pub release_keys: ReleaseKeys,
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
    pub fn new(
        url: ServiceUrl,
        tenant: TenantId,
        root: AttestationRoot,
        release_keys: ReleaseKeys,
        authorities_pem: Option<String>,
    ) -> Self {
        Self { version: VERSION, url, tenant, root, release_keys, authorities_pem }
    }

    /// Reads the content of a file. `None`: it is damaged.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is sound and of another format.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Format {
            version: u8,
        }
        match serde_json::from_slice(bytes) {
            Ok(Format { version: VERSION }) => Ok(serde_json::from_slice(bytes).ok()),
            Ok(Format { version }) => Err(Error::Usage(format!(
                "this device was set up by a sharekeep with settings of version {version}, and this one \
                 has {VERSION}: set up a new directory and run `sharekeep restore`"
            ))),
            Err(_) => Ok(None),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use sharekeep_channel::attestation::PcrSet;
    use sharekeep_release::{Release, ReleaseKey, SignedRelease};

    /// Signs the releases of [`example`].
    pub(crate) fn release_signer() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    pub(crate) fn example() -> Settings {
        let key = ReleaseKey::try_from(&release_signer().verifying_key()).unwrap();
        Settings::new(
            "http://127.0.0.1:8787".parse().unwrap(),
            "demo".parse().unwrap(),
            AttestationRoot::Own(vec![0x30, 0x01]),
            ReleaseKeys::new("here", 1, [key]).unwrap(),
            None,
        )
    }

    /// A release of [`image`] that [`example`] accepts.
    pub(crate) fn example_release(version: u64, minimum_version: u64) -> SignedRelease {
        let release = Release::new("here", version, minimum_version, image(version), None);
        let mut signed = SignedRelease::unsigned(release.unwrap());
        signed.sign(&release_signer()).unwrap();
        signed
    }

    pub(crate) fn image(version: u64) -> PcrSet {
        PcrSet::from([[u8::try_from(version).unwrap(); 48]; 3])
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
    fn settings_of_another_format_are_told_from_damaged_ones() {
        let text = serde_json::to_string(&example()).unwrap();
        assert_eq!(Settings::read(text.as_bytes()).unwrap(), Some(example()));
        let older = r#"{"version":1,"url":"http://127.0.0.1:8787","allowed_pcrs":[]}"#;
        assert!(matches!(Settings::read(older.as_bytes()), Err(Error::Usage(_))));
        for damaged in ["", "{}", r#"{"version":2}"#] {
            assert_eq!(Settings::read(damaged.as_bytes()).unwrap(), None);
        }
        let no_key = text.replace("\"threshold\":1", "\"threshold\":0");
        assert_ne!(no_key, text);
        assert_eq!(Settings::read(no_key.as_bytes()).unwrap(), None, "nobody would have to sign");
    }

    #[test]
    fn a_root_is_taken_from_der_and_nothing_else_by_chance() {
        assert!(AttestationRoot::from_file_content(&[0x30, 0]).is_ok());
        assert!(AttestationRoot::from_file_content(b"hello").is_err());
        assert!(AttestationRoot::from_file_content(b"-----BEGIN NOTHING-----").is_err());
        assert!(AttestationRoot::from_file_content(b"").is_err());
    }
}
