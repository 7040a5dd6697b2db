//! The releases of the embedded default: what its clients are told to trust.

use std::fs;

use ed25519_dalek::SigningKey;
use sharekeep_channel::attestation::PcrSet;
use sharekeep_release::{Release, ReleaseKey, ReleaseKeys, SignedRelease};
use sharekeep_schemas::trust::TrustConfiguration;

use super::Measurements;
use crate::{DataDir, Error, data_dir};

/// Where the keys are that clients pin.
const KEYS_FILE: &str = "release-keys.json";
/// Where every release is, by its version.
const FOLDER: &str = "releases";

/// Releases of the images that ran on this data, the first one first.
pub struct OwnReleases {
    all: Vec<SignedRelease>,
    /// Which of them is of the image that runs.
    running: u64,
}

impl OwnReleases {
    /// Every image that starts here is released as its version: the first time, one higher than all
    /// before. None is withdrawn.
    pub(super) fn load_or_create(
        data: &DataDir,
        trust: &TrustConfiguration,
        signer: &SigningKey,
        measurements: Measurements,
    ) -> Result<Self, Error> {
        let keys = trust.release_keys.iter().map(|key| ReleaseKey::from_bytes(key));
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        let keys = ReleaseKeys::new(&trust.deployment, 1, keys)?;
        data_dir::write(&data.path(KEYS_FILE), keys.to_text().as_bytes())?;

        let mut all = read(data)?;
        let measured = PcrSet::from(measurements.0);
        let known = all.iter().map(SignedRelease::unverified);
        let running = match known.clone().find(|release| release.measurements() == measured) {
            Some(release) => release.version(),
            None => {
                let version = known.map(Release::version).max().unwrap_or(0) + 1;
                let release = Release::new(&trust.deployment, version, 1, measured, None);
                let mut signed = SignedRelease::unsigned(release?);
                signed.sign(signer)?;
                data_dir::write(&data.path(&file(version)), signed.to_text().as_bytes())?;
                all.push(signed);
                version
            }
        };
        Ok(Self { all, running })
    }

    /// The file, in the data directory, of the release of the image that runs.
    pub fn running_file(&self) -> String {
        file(self.running)
    }

    /// The file, in the data directory, of the keys that clients pin.
    pub fn keys_file(&self) -> &'static str {
        KEYS_FILE
    }

    /// The texts of the latest ones, as the service hands them to clients.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.all.iter().rev().take(PUBLISHED).map(SignedRelease::to_text).collect()
    }
}

/// How many of them the service hands out: it takes no more than eight.
const PUBLISHED: usize = 8;

fn file(version: u64) -> String {
    format!("{FOLDER}/{version}.json")
}

fn read(data: &DataDir) -> Result<Vec<SignedRelease>, Error> {
    let folder = data.path(FOLDER);
    let mut all = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|e| Error::io("list", &folder, e))? {
        let path = entry.map_err(|e| Error::io("list", &folder, e))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
            all.push(SignedRelease::parse(&text).map_err(|e| Error::damaged(&path, e))?);
        }
    }
    all.sort_by_key(|signed| signed.unverified().version());
    Ok(all)
}
