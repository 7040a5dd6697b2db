use crate::{Error, Release, ReleaseKeys, SignedRelease, text};
use serde::{Deserialize, Serialize};
use sharekeep_channel::attestation::PcrSet;

/// Most releases kept: the lowest gives way. Far more than serve side by side.
pub const MAX_RELEASES: usize = 32;
/// Longest text of a set, in bytes.
pub const MAX_RELEASES_BYTES: usize = 512 * 1024;

/// The releases that a verifier has accepted, and the highest minimum version that any of them ever
/// named. That never goes back: an old release that says less withdraws nothing and brings nothing
/// back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Releases {
    deployment: Option<String>,
    minimum_version: u64,
    /// By version, each once, all verified.
    accepted: Vec<SignedRelease>,
}

/// As they are kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    deployment: Option<String>,
    minimum_version: u64,
    releases: Vec<SignedRelease>,
}

impl Releases {
    /// Nothing is accepted yet.
    pub fn none() -> Self {
        Self { deployment: None, minimum_version: 0, accepted: Vec::new() }
    }

    /// Reads a set that was kept. It is verified again: releases that these keys have not signed are
    /// left out. What was withdrawn stays so.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Text`]; [`Error::Deployment`] for the set of another deployment,
    /// which withdraws nothing in this one.
    pub fn read(text: &str, keys: &ReleaseKeys) -> Result<Self, Error> {
        let Fields { deployment, minimum_version, releases } =
            text::read(text, MAX_RELEASES_BYTES)?;
        if let Some(found) = deployment.as_ref().filter(|found| *found != keys.deployment()) {
            let (found, wanted) = (found.clone(), keys.deployment().to_owned());
            return Err(Error::Deployment { found, wanted });
        }
        let mut kept = Self { deployment, minimum_version, accepted: Vec::new() };
        for signed in releases.into_iter().take(MAX_RELEASES) {
            // A key that left takes with it what only it vouched for.
            let _ = kept.add(keys, signed);
        }
        Ok(kept)
    }

    /// Their text.
    pub fn to_text(&self) -> String {
        text::write(&Fields {
            deployment: self.deployment.clone(),
            minimum_version: self.minimum_version,
            releases: self.accepted.clone(),
        })
    }

    /// Accepts a release, if these keys signed it and no other withdrew it. Whether anything changed.
    ///
    /// # Errors
    /// Those of [`ReleaseKeys::verify`], [`Error::Withdrawn`], [`Error::Doubled`]. Nothing has changed
    /// then. [`Error::GaveWay`] if the set is full of later ones: its minimum version counts all the
    /// same, so that it does not matter in which order releases come.
    pub fn add(&mut self, keys: &ReleaseKeys, signed: SignedRelease) -> Result<bool, Error> {
        let release = keys.verify(&signed)?.release;
        if self.deployment.as_deref().is_some_and(|known| known != release.deployment()) {
            let wanted = self.deployment.clone().unwrap_or_default();
            return Err(Error::Deployment { found: release.deployment().to_owned(), wanted });
        }
        let version = release.version();
        if version < self.minimum_version {
            return Err(Error::Withdrawn {
                version,
                minimum_version: self.minimum_version,
                measurements: Box::new(release.measurements()),
            });
        }
        let at = match self.find(version) {
            // Other signatures of the same people's words say nothing new.
            Ok(at) if *self.accepted[at].unverified() == release => return Ok(false),
            Ok(_) => return Err(Error::Doubled(version)),
            Err(at) => at,
        };
        self.deployment = Some(release.deployment().to_owned());
        self.accepted.insert(at, signed);
        self.withdraw_below(release.minimum_version());
        if self.accepted.len() > MAX_RELEASES {
            let gave_way = self.accepted.remove(0).unverified().version();
            if gave_way == version {
                return Err(Error::GaveWay(version));
            }
        }
        Ok(true)
    }

    /// Takes over what another set of these keys' deployment knows more: its releases, as far as they
    /// are to be accepted beside these, and its minimum version, which may be that of a release that
    /// gave way since.
    ///
    /// # Errors
    /// [`Error::Deployment`]: it is another deployment's. Nothing has changed then.
    pub fn merge(&mut self, keys: &ReleaseKeys, other: &Self) -> Result<(), Error> {
        let Some(found) = &other.deployment else { return Ok(()) };
        for wanted in [Some(keys.deployment()), self.deployment.as_deref()].into_iter().flatten() {
            if wanted != found {
                let (found, wanted) = (found.clone(), wanted.to_owned());
                return Err(Error::Deployment { found, wanted });
            }
        }
        self.deployment = Some(found.clone());
        self.withdraw_below(other.minimum_version);
        for signed in &other.accepted {
            // One that is withdrawn by now, or for which there is no place, is no loss.
            let _ = self.add(keys, signed.clone());
        }
        Ok(())
    }

    fn withdraw_below(&mut self, minimum: u64) {
        self.minimum_version = self.minimum_version.max(minimum);
        let minimum = self.minimum_version;
        self.accepted.retain(|signed| signed.unverified().version() >= minimum);
    }

    fn find(&self, version: u64) -> Result<usize, usize> {
        self.accepted.binary_search_by_key(&version, |signed| signed.unverified().version())
    }

    /// The latest release of an image with these measurements.
    pub fn of_image(&self, measurements: &PcrSet) -> Option<&Release> {
        self.iter().rev().find(|release| release.measurements() == *measurements)
    }

    /// All of them, the lowest version first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Release> {
        self.signed().iter().map(SignedRelease::unverified)
    }

    /// The same as they were signed.
    pub fn signed(&self) -> &[SignedRelease] {
        &self.accepted
    }

    /// The least version that is accepted: the highest minimum ever seen; 0 before the first.
    pub fn minimum_version(&self) -> u64 {
        self.minimum_version
    }

    /// What a verifier of attestations is told.
    pub fn allowed_pcrs(&self) -> Vec<PcrSet> {
        self.iter().map(Release::measurements).collect()
    }
}
