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

    /// Holds what somebody built again against what was published, part by part, in the order in which
    /// they are read.
    pub fn compare(&self, built: &Self) -> Vec<Compared> {
        let (published, built) = (self.parts(), built.parts());
        let missing = built.iter().filter(|(name, _)| published.iter().all(|(it, _)| it != name));
        let said = published.iter().map(|(name, value)| {
            let same = built.iter().any(|(it, found)| it == name && found == value);
            Compared { part: name.clone(), same }
        });
        let more = missing.map(|(name, _)| Compared { part: name.clone(), same: false });
        said.chain(more).collect()
    }

    /// Everything it says, by name: what went in, what came out, what is measured.
    fn parts(&self) -> Vec<(String, String)> {
        let section = |it: &Section| format!("{} {} {}", it.name, it.sha256, it.bytes);
        let mut parts = vec![("source".to_owned(), self.source.clone())];
        parts.extend(self.toolchain.iter().map(|(name, it)| (format!("tool {name}"), it.clone())));
        let inputs = self.inputs.iter();
        parts.extend(inputs.map(|(name, it)| (format!("input {name}"), it.to_string())));
        parts.push(("kernel".into(), section(&self.kernel)));
        parts.push(("command line".into(), self.command_line.clone()));
        let ramdisks = self.ramdisks.iter();
        parts.extend(ramdisks.map(|it| (format!("ramdisk {}", it.name), section(it))));
        let Measurements { pcr0, pcr1, pcr2 } = &self.measurements;
        parts.extend(
            [("PCR0", pcr0), ("PCR1", pcr1), ("PCR2", pcr2)]
                .map(|(name, pcr)| (name.to_owned(), pcr.to_string())),
        );
        parts.push(("file".into(), section(&self.image)));
        parts
    }
}

/// A part of two manifests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compared {
    /// What it is.
    pub part: String,
    /// Whether both have it and say the same of it.
    pub same: bool,
}
