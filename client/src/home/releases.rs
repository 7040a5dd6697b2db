use super::{Home, OpenHome, RELEASES, durable, place};
use crate::{Error, Result, Settings};
use sharekeep_release::{MAX_RELEASES_BYTES, Releases, SignedRelease};
use sharekeep_steps::DurableStep;
use std::path::Path;

impl Home {
    /// The releases that this device accepted, verified anew.
    ///
    /// # Errors
    /// [`Error::OtherReleases`], [`Error::LostReleases`] or [`Error::File`].
    pub fn releases(&self) -> Result<Releases> {
        load(&self.directory, &self.settings)
    }

    /// Keeps what was learnt beside what is there: another process may know of more.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::SettingsChanged`], [`Error::OtherReleases`], [`Error::LostReleases`] or
    /// [`Error::File`].
    pub fn keep_releases(&self, learnt: &Releases) -> Result<()> {
        let _lock = self.lock()?;
        keep(&self.directory, &self.settings, learnt)
    }

    /// Accepts releases, all or none of them. What is then accepted.
    ///
    /// # Errors
    /// [`Error::Release`], [`Error::InUse`], [`Error::SettingsChanged`], [`Error::OtherReleases`],
    /// [`Error::LostReleases`] or [`Error::File`].
    pub fn add_releases(&self, given: &[SignedRelease]) -> Result<Releases> {
        let _lock = self.lock()?;
        let kept = load(&self.directory, &self.settings)?;
        let releases = with(kept, &self.settings, given)?;
        store(&releases, &self.directory)?;
        Ok(releases)
    }
}

impl OpenHome {
    /// The releases that this device accepted, verified anew.
    ///
    /// # Errors
    /// [`Error::OtherReleases`], [`Error::LostReleases`] or [`Error::File`].
    pub fn releases(&self) -> Result<Releases> {
        load(&self.directory, &self.settings)
    }

    /// Keeps what was learnt beside what is there.
    ///
    /// # Errors
    /// [`Error::OtherReleases`], [`Error::LostReleases`] or [`Error::File`].
    pub fn keep_releases(&self, learnt: &Releases) -> Result<()> {
        keep(&self.directory, &self.settings, learnt)
    }
}

/// Releases and those that were given, which must all be acceptable.
pub(super) fn with(
    mut releases: Releases,
    settings: &Settings,
    given: &[SignedRelease],
) -> Result<Releases> {
    // In their order: a later one may withdraw an earlier one that was handed over with it.
    let mut given: Vec<_> = given.iter().collect();
    given.sort_by_key(|signed| signed.unverified().version());
    for signed in given {
        releases.add(&settings.release_keys, signed.clone())?;
    }
    if releases.signed().is_empty() {
        return Err(Error::Usage("no release is given, so no enclave could be trusted".to_owned()));
    }
    Ok(releases)
}

/// Without the file nothing is accepted. It is written before the settings, which complete a set-up.
fn load(directory: &Path, settings: &Settings) -> Result<Releases> {
    let path = place(directory, RELEASES);
    let bytes = match durable::read(&path, MAX_RELEASES_BYTES) {
        Ok(Some(bytes)) => bytes,
        Ok(None) | Err(Error::Damaged(_)) => return Err(Error::LostReleases(path)),
        Err(error) => return Err(error),
    };
    let Ok(text) = String::from_utf8(bytes) else { return Err(Error::LostReleases(path)) };
    Releases::read(&text, &settings.release_keys).map_err(|error| match error {
        // Not none: what these settings' deployment has withdrawn is not known here.
        sharekeep_release::Error::Deployment { .. } => Error::OtherReleases(path),
        _ => Error::LostReleases(path),
    })
}

/// What still holds under new settings, and whether it could be read. What another deployment withdrew
/// says nothing of theirs; a file that is lost must not lock the device for good.
pub(super) fn load_for_new(directory: &Path, settings: &Settings) -> Result<(Releases, bool)> {
    match load(directory, settings) {
        Ok(releases) => Ok((releases, true)),
        Err(Error::OtherReleases(_)) => Ok((Releases::none(), true)),
        Err(Error::LostReleases(_)) => Ok((Releases::none(), false)),
        Err(error) => Err(error),
    }
}

fn keep(directory: &Path, settings: &Settings, learnt: &Releases) -> Result<()> {
    let kept = load(directory, settings)?;
    let mut both = kept.clone();
    both.merge(&settings.release_keys, learnt)?;
    if both == kept { Ok(()) } else { store(&both, directory) }
}

pub(super) fn store(releases: &Releases, directory: &Path) -> Result<()> {
    let path = place(directory, RELEASES);
    durable::write(&path, releases.to_text().as_bytes(), DurableStep::HomeReleases)
}
