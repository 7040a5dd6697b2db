//! Releases: what signers say of an image that was built, one after the other and away from the network,
//! and what users are handed of it.

use crate::{Error, KeyUse, Result, SealedKey};
use sharekeep_channel::attestation::PcrSet;
use sharekeep_functions::store::{Store, StoredReleases};
use sharekeep_image::{Digest, Manifest};
use sharekeep_release::{ManifestHash, Release, ReleaseKey, ReleaseKeys, Releases, SignedRelease};
use sharekeep_trust::Trust;
use std::path::Path;

/// The release keys of a trust configuration, as clients pin them.
///
/// # Errors
/// [`Error::Release`] if it has none.
pub fn keys(trust: &Trust) -> Result<ReleaseKeys> {
    let it = trust.configuration();
    let keys = it.release_keys.iter().map(|key| ReleaseKey::from_bytes(key));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let threshold = usize::try_from(it.release_threshold).unwrap_or(usize::MAX);
    Ok(ReleaseKeys::new(&it.deployment, threshold, keys)?)
}

/// Most that one release's version is above that of the one before. Devices never go back, so a signer's slip
/// or a proposer's malice must not use up the numbers: minimum and version at the highest that there is would
/// end a deployment for every device that saw it.
const MAX_STEP: u64 = 1_000;

/// What a release is held against, both when it is written and whenever it is signed.
pub struct Basis {
    /// Of the file that must be in the image.
    trust: Digest,
    keys: ReleaseKeys,
    /// Version of the release before; 0 if there is none.
    before: u64,
}

impl Basis {
    /// The trust configuration that must be in the image, as its file has it. Its release keys sign, unless
    /// others are pinned: while keys are changed, the image has the new ones and clients pin those before.
    /// They signed the release `after` which the next one comes; there is none for a first one.
    ///
    /// # Errors
    /// [`Error::Trust`], [`Error::Release`] if there are no keys, the pinned ones are another deployment's,
    /// or too few of them signed the release before.
    pub fn new(
        trust: &[u8],
        pinned: Option<ReleaseKeys>,
        after: Option<&SignedRelease>,
    ) -> Result<Self> {
        let own = keys(&Trust::from_bytes(trust)?)?;
        let keys = match pinned {
            Some(pinned) => {
                of_deployment(pinned.deployment(), own.deployment())?;
                pinned
            }
            None => own,
        };
        let before = after.map(|signed| keys.verify(signed)).transpose()?;
        let before = before.map_or(0, |verified| verified.release.version());
        Ok(Self { trust: Digest::of(trust), keys, before })
    }

    fn comes_next(&self, release: &Release) -> Result<()> {
        let (version, before) = (release.version(), self.before);
        let last = before.saturating_add(MAX_STEP);
        if before < version && version <= last {
            Ok(())
        } else {
            Err(Error::Version { version, first: before.saturating_add(1), last })
        }
    }

    /// What an image measures and the hash of its manifest, if this trust configuration is in it.
    fn read_manifest(&self, text: &str) -> Result<(PcrSet, ManifestHash)> {
        let manifest = Manifest::parse(text).map_err(|error| Error::Manifest(error.to_string()))?;
        if manifest.inputs.get("trust") != Some(&self.trust) {
            let why =
                format!("its image has another trust configuration in it than {}", self.trust);
            return Err(Error::Manifest(why));
        }
        let measured = manifest.measurements;
        let measured = PcrSet::from([measured.pcr0.0, measured.pcr1.0, measured.pcr2.0]);
        Ok((measured, ManifestHash(Digest::of(text.as_bytes()).0)))
    }
}

fn of_deployment(found: &str, wanted: &str) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    let (found, wanted) = (found.to_owned(), wanted.to_owned());
    Err(sharekeep_release::Error::Deployment { found, wanted }.into())
}

/// Writes a release of the image that a manifest describes. Nobody has signed it yet.
///
/// # Errors
/// [`Error::Manifest`] if it is none, or of an image with another trust configuration; [`Error::Version`],
/// [`Error::Release`] if the versions cannot be.
pub fn propose(
    basis: &Basis,
    manifest: &str,
    version: u64,
    minimum_version: u64,
) -> Result<SignedRelease> {
    let (measured, hash) = basis.read_manifest(manifest)?;
    let deployment = basis.keys.deployment();
    let release = Release::new(deployment, version, minimum_version, measured, Some(hash))?;
    basis.comes_next(&release)?;
    Ok(SignedRelease::unsigned(release))
}

/// Adds a signature. The manifest is that of the signer's own build: what is signed must be of it. Without
/// one he signs what he has not seen. The path is the key's, for the errors.
///
/// # Errors
/// [`Error::KeyUse`], [`Error::AnotherKey`] if the key is none of those that sign, [`Error::Manifest`],
/// [`Error::Version`], [`Error::Release`].
pub fn sign(
    basis: &Basis,
    signed: &mut SignedRelease,
    key: &SealedKey,
    path: &Path,
    manifest: Option<&str>,
) -> Result<()> {
    if key.purpose() != KeyUse::Release {
        let (found, wanted) = (key.purpose(), KeyUse::Release);
        return Err(Error::KeyUse { path: path.to_owned(), found, wanted });
    }
    let own = ReleaseKey::from_bytes(&key.public().to_bytes())?;
    if !basis.keys.keys().contains(&own) {
        return Err(Error::AnotherKey);
    }
    let release = signed.unverified();
    of_deployment(release.deployment(), basis.keys.deployment())?;
    basis.comes_next(release)?;
    if let Some(manifest) = manifest {
        let (measured, hash) = basis.read_manifest(manifest)?;
        if release.measurements() != measured {
            return Err(Error::Manifest("its image is not the release's".to_owned()));
        }
        if release.manifest_sha256() != Some(hash) {
            let why = "its image is the release's, but the manifest is another one";
            return Err(Error::Manifest(why.to_owned()));
        }
    }
    Ok(signed.sign(key.signing_key())?)
}

/// What may give way to releases that are published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replace {
    /// Releases of the same keys that withdraw no more than the new ones do.
    Older,
    /// Whatever lies there.
    Anything,
}

/// Hands these releases to users, in place of what they were handed before. All of them must hold side by
/// side, and what was withdrawn before must stay so: a device that has not seen it yet learns it from here.
///
/// # Errors
/// [`Error::Release`] if users would not accept one of them, [`Error::Minimum`] and [`Error::Published`]
/// as far as not [`Replace::Anything`] is meant, [`Error::Overtaken`], [`Error::Store`].
pub async fn publish(
    store: &Store,
    trust: &Trust,
    given: &[SignedRelease],
    replace: Replace,
) -> Result<Releases> {
    let keys = keys(trust)?;
    let releases = accepted(&keys, given)?;
    let stored = store.stored_releases().await?;
    if replace == Replace::Older {
        let before = stored.texts().map_err(Error::from).and_then(|texts| read(&keys, &texts));
        let before = before.map_err(|error| Error::Published(error.to_string()))?;
        let (given, published) = (releases.minimum_version(), before.minimum_version());
        if given < published {
            return Err(Error::Minimum { given, published });
        }
    }
    write(store, &stored, &releases).await?;
    Ok(releases)
}

async fn write(store: &Store, stored: &StoredReleases, releases: &Releases) -> Result<()> {
    let texts: Vec<_> = releases.signed().iter().map(SignedRelease::to_text).collect();
    match store.replace_releases(stored, &texts).await {
        // A conflict may be with this very write, if its first answer was lost.
        Ok(()) | Err(sharekeep_functions::Error::Conflict) => {}
        Err(error) => return Err(error.into()),
    }
    if store.releases().await? == texts { Ok(()) } else { Err(Error::Overtaken) }
}

/// What users are handed now, as far as it is signed.
///
/// # Errors
/// [`Error::Release`] if one of them is not, [`Error::Store`].
pub async fn published(store: &Store, trust: &Trust) -> Result<Releases> {
    read(&keys(trust)?, &store.releases().await?)
}

fn read(keys: &ReleaseKeys, texts: &[String]) -> Result<Releases> {
    let given = texts.iter().map(|text| SignedRelease::parse(text));
    accepted(keys, &given.collect::<Result<Vec<_>, _>>()?)
}

/// The highest first: who withdraws another shows it at once.
fn accepted(keys: &ReleaseKeys, given: &[SignedRelease]) -> Result<Releases> {
    let mut given: Vec<_> = given.iter().collect();
    given.sort_by_key(|signed| std::cmp::Reverse(signed.unverified().version()));
    let mut releases = Releases::none();
    for signed in given {
        releases.add(keys, signed.clone())?;
    }
    Ok(releases)
}

#[cfg(test)]
mod tests;
