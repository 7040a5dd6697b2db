use crate::{Error, text};
use serde::{Deserialize, Serialize};
use sharekeep_channel::attestation::{Pcr, PcrSet};
use std::fmt;

/// Separates what is signed here from everything else that such a key might sign.
const LABEL: &[u8] = b"sharekeep/release/v1\0";
/// Longest name of a deployment, in bytes: that of the trust configuration.
const MAX_DEPLOYMENT_BYTES: usize = 64;
/// Highest version: every reader of JSON knows it exactly (RFC 8259 section 6).
pub const MAX_VERSION: u64 = (1 << 53) - 1;

/// What release signers say of one image. Its text is JSON:
///
/// ```json
/// {
///   "deployment": "shop",
///   "version": 2,
///   "minimum_version": 1,
///   "measurements": {"PCR0": "…", "PCR1": "…", "PCR2": "…"},
///   "manifest_sha256": "…"
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Fields", into = "Fields")]
pub struct Release {
    fields: Fields,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    deployment: String,
    version: u64,
    minimum_version: u64,
    measurements: Measured,
    manifest_sha256: Option<ManifestHash>,
}

/// As the build and AWS's tools name the registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    #[serde(rename = "PCR0")]
    pcr0: Pcr,
    #[serde(rename = "PCR1")]
    pcr1: Pcr,
    #[serde(rename = "PCR2")]
    pcr2: Pcr,
}

/// SHA-256 of the manifest that says what an image was made of. Text form is lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ManifestHash(pub [u8; 32]);

impl Release {
    /// Says that this image is release `version` of a deployment, and that all below
    /// `minimum_version` are withdrawn. Both begin at 1.
    ///
    /// # Errors
    /// [`Error::Impossible`].
    pub fn new(
        deployment: &str,
        version: u64,
        minimum_version: u64,
        measurements: PcrSet,
        manifest_sha256: Option<ManifestHash>,
    ) -> Result<Self, Error> {
        let PcrSet { pcr0, pcr1, pcr2 } = measurements;
        Self::try_from(Fields {
            deployment: deployment.to_owned(),
            version,
            minimum_version,
            measurements: Measured { pcr0, pcr1, pcr2 },
            manifest_sha256,
        })
    }

    /// Whose enclave it is.
    pub fn deployment(&self) -> &str {
        &self.fields.deployment
    }

    /// Later releases have higher ones.
    pub fn version(&self) -> u64 {
        self.fields.version
    }

    /// The least that is still accepted.
    pub fn minimum_version(&self) -> u64 {
        self.fields.minimum_version
    }

    /// What is measured of the image.
    pub fn measurements(&self) -> PcrSet {
        let Measured { pcr0, pcr1, pcr2 } = self.fields.measurements;
        PcrSet { pcr0, pcr1, pcr2 }
    }

    /// The hash of the image's manifest; there is none where nothing is built (the embedded default).
    pub fn manifest_sha256(&self) -> Option<ManifestHash> {
        self.fields.manifest_sha256
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    pub(crate) fn message(&self) -> Vec<u8> {
        [LABEL, self.to_text().as_bytes()].concat()
    }
}

impl TryFrom<Fields> for Release {
    type Error = Error;

    fn try_from(fields: Fields) -> Result<Self, Error> {
        check_deployment(&fields.deployment)?;
        if !(1..=MAX_VERSION).contains(&fields.version) {
            return Err(Error::Impossible("a release's version is 1 to 9007199254740991"));
        }
        if !(1..=fields.version).contains(&fields.minimum_version) {
            return Err(Error::Impossible("a release's minimum version is 1 to its own version"));
        }
        // Zeros are what an enclave in debug mode measures: its memory can be read.
        let Measured { pcr0, pcr1, pcr2 } = fields.measurements;
        if [pcr0, pcr1, pcr2].iter().any(Pcr::is_zero) {
            return Err(Error::Impossible("an enclave in debug mode is never released"));
        }
        Ok(Self { fields })
    }
}

impl From<Release> for Fields {
    fn from(release: Release) -> Self {
        release.fields
    }
}

/// The name is shown to people, and compared.
pub(crate) fn check_deployment(name: &str) -> Result<(), Error> {
    let printable = !name.chars().any(char::is_control);
    if (1..=MAX_DEPLOYMENT_BYTES).contains(&name.len()) && printable {
        Ok(())
    } else {
        Err(Error::Impossible("a deployment's name has 1 to 64 bytes, all of them printable"))
    }
}

impl fmt::Display for ManifestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ManifestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManifestHash({self})")
    }
}

impl TryFrom<String> for ManifestHash {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(Error::Impossible("a manifest's hash has 64 hexadecimal digits")),
        }
    }
}

impl From<ManifestHash> for String {
    fn from(hash: ManifestHash) -> Self {
        hash.to_string()
    }
}
