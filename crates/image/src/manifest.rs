use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::enclave::RAMDISKS;
use crate::{Digest, Error, Image, Measurements};

/// Largest manifest that is parsed.
pub const MAX_MANIFEST_BYTES: usize = 1 << 16;

const VERSION: u8 = 1;

/// What an image was made of, and what it measures. One manifest has one text: JSON with its fields in
/// this order, maps sorted by name, two spaces of indentation and a line feed at the end.
///
/// A statement and not a proof: it is not signed, and only who builds from the same inputs again knows
/// that `source`, `inputs` and `toolchain` are true. [`Manifest::verify`] checks all the rest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u8,
    /// What an enclave that runs the image is attested with.
    pub measurements: Measurements,
    /// The file.
    pub image: Section,
    /// The kernel.
    pub kernel: Section,
    /// What the kernel is told.
    pub command_line: String,
    /// In their order: boot, program, trust.
    pub ramdisks: Vec<Section>,
    /// The source: what git calls the content of the checkout, and whether it was changed.
    pub source: String,
    /// Files that went into the build, by name.
    pub inputs: BTreeMap<String, Digest>,
    /// What it was built with, by name: the version as the tool says it.
    pub toolchain: BTreeMap<String, String>,
}

/// A part of the image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// What it is.
    pub name: String,
    /// SHA-256.
    pub sha256: Digest,
    /// Its length.
    pub bytes: u64,
}

impl Section {
    fn of(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.into(), sha256: Digest::of(bytes), bytes: bytes.len() as u64 }
    }
}

impl Manifest {
    /// Describes an image of [`enclave`](crate::enclave).
    pub fn of(
        image: &Image,
        source: String,
        inputs: BTreeMap<String, Digest>,
        toolchain: BTreeMap<String, String>,
    ) -> Self {
        let ramdisks = RAMDISKS.iter().zip(image.ramdisks());
        Self {
            version: VERSION,
            measurements: image.measurements(),
            image: Section::of("image", &image.to_bytes()),
            kernel: Section::of("kernel", image.kernel()),
            command_line: image.command_line().into(),
            ramdisks: ramdisks.map(|(name, it)| Section::of(name, it.bytes())).collect(),
            source,
            inputs,
            toolchain,
        }
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("strings and numbers under text keys are always JSON") + "\n"
    }

    /// Reads the text of a manifest, and no other JSON that says the same: a signature or a hash is
    /// over the text.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is parsed; [`Error::Manifest`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_MANIFEST_BYTES {
            return Err(Error::TooLarge("the manifest"));
        }
        let manifest: Self =
            serde_json::from_str(text).map_err(|error| Error::Manifest(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(Error::Manifest(format!("version {} is unknown", manifest.version)));
        }
        if manifest.to_text() != text {
            return Err(Error::Manifest("it is written in another form than its own".into()));
        }
        Ok(manifest)
    }

    /// Takes an image file apart, computes what it measures and compares all of it.
    ///
    /// # Errors
    /// Those of [`Image::parse`], and [`Error::Differs`] with the name of the first part that is not
    /// as the manifest says.
    pub fn verify(&self, file: &[u8]) -> Result<Measurements, Error> {
        let image = Image::parse(file)?;
        let found =
            Self::of(&image, self.source.clone(), self.inputs.clone(), self.toolchain.clone());
        let differs = |what: &str| Err(Error::Differs(what.into()));
        if image.ramdisks().len() != RAMDISKS.len() || self.ramdisks.len() != RAMDISKS.len() {
            return differs("the number of ramdisks");
        }
        if found.kernel != self.kernel {
            return differs("kernel");
        }
        if found.command_line != self.command_line {
            return differs("command line");
        }
        for (found, said) in found.ramdisks.iter().zip(&self.ramdisks) {
            if found != said {
                return differs(&format!("ramdisk {}", found.name));
            }
        }
        if found.measurements != self.measurements {
            return differs("PCR");
        }
        // What is left is the description, which is not measured.
        if found.image != self.image {
            return differs("file");
        }
        Ok(found.measurements)
    }
}
