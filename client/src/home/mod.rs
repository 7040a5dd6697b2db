//! What this device keeps: settings in the open, everything else in age files that a passphrase
//! opens. Every write is whole or not there, and one process works here at a time. Keyrings of
//! operating systems are not used.
//!
//! ```text
//! <home>/            0700
//!   settings.json    where the service is, what is trusted (public)
//!   enclave.json     the enclave last attested, the deployment's pinned keys (public)
//!   releases.json    the releases accepted, the least that may be (public)
//!   lock             held while a command runs
//!   key.age          this device's file key, under the passphrase (scrypt)
//!   device.age       device id and identity key
//!   session.age      session key
//!   recovery.age     the user's recovery key as this device pinned it, and changes under way
//!   wallets/<id>.age        one wallet share each, with its last receipt and its backup's mark
//!   preparations/<scope>.age
//! ```

mod device;
mod durable;
mod pins;
mod preparation;
mod recovery;
mod releases;
mod session;
mod vault;
mod wallet;

pub use device::Device;
pub use pins::{AttestedImage, Pins};
pub use preparation::{HeldPreparation, PreparationOrigin};
pub(crate) use recovery::BegunChange;
#[cfg(fuzzing)]
pub(crate) use recovery::rewritten as rewritten_recovery;
pub use recovery::{BackupMark, HeldRecovery};
pub use session::Session;
pub use vault::Passphrase;
pub(crate) use vault::{SCRYPT_LOG_N, SCRYPT_LOG_N_LIMIT, decrypt};
pub use wallet::{HeldWallet, Holding};

use crate::{AttestationRoot, Error, Result, ServiceUrl, Settings};
use sharekeep_release::{Releases, SignedRelease};
use sharekeep_schemas::TenantId;
use sharekeep_steps::DurableStep;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vault::Vault;

/// Names the directory, if it is not given otherwise.
pub const HOME_VARIABLE: &str = "SHAREKEEP_HOME";
/// How long a command waits for another one to finish.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// Largest public file.
const MAX_PUBLIC_FILE_BYTES: usize = 1024 * 1024;

/// A device's directory, closed: only what is public can be read.
pub struct Home {
    directory: PathBuf,
    settings: Settings,
}

/// A device's directory, opened with the passphrase. Nobody else can open it meanwhile.
pub struct OpenHome {
    directory: PathBuf,
    settings: Settings,
    vault: Vault,
    device: Device,
    /// Released when dropped.
    _lock: File,
}

impl Home {
    /// Where a user's directory is when nothing else is said: `SHAREKEEP_HOME`, or `sharekeep`
    /// under `XDG_DATA_HOME` or `~/.local/share`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the environment names none of these.
    pub fn default_directory() -> Result<PathBuf> {
        let from = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        from(HOME_VARIABLE)
            .or_else(|| from("XDG_DATA_HOME").map(|d| d.join("sharekeep")))
            .or_else(|| from("HOME").map(|d| d.join(".local/share/sharekeep")))
            .ok_or_else(|| Error::Usage(format!("no home directory: set {HOME_VARIABLE}")))
    }

    /// Sets up a new directory with a new device identity, and with the releases that were handed
    /// over with the settings: what they withdraw, nobody can tell this device is in use.
    ///
    /// # Errors
    /// [`Error::SetUpAlready`] if there is one, [`Error::Release`] if a release is not to be accepted,
    /// [`Error::Usage`] without any. Nothing is changed then.
    pub fn create(
        directory: &Path,
        settings: Settings,
        given: &[SignedRelease],
        passphrase: &Passphrase,
    ) -> Result<OpenHome> {
        let releases = releases::with(Releases::none(), &settings, given)?;
        durable::make_directory(directory)?;
        let lock = lock(directory)?;
        // The settings are written last: with them, set-up is complete.
        if place(directory, SETTINGS).exists() {
            return Err(Error::SetUpAlready(directory.to_owned()));
        }
        for folder in [WALLETS, PREPARATIONS] {
            durable::make_directory(&directory.join(folder))?;
        }
        let vault = Vault::create(&place(directory, KEY), passphrase)?;
        let device = Device::generate();
        device.store(&vault, directory)?;
        releases::store(&releases, directory)?;
        write_settings(directory, &settings)?;
        Ok(OpenHome { directory: directory.to_owned(), settings, vault, device, _lock: lock })
    }

    /// Opens a directory's public part.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] or [`Error::Damaged`].
    pub fn open(directory: &Path) -> Result<Self> {
        let settings = read_settings(directory)?;
        Ok(Self { directory: directory.to_owned(), settings })
    }

    /// Takes the lock. The settings were read before it: while this waited, they may have become another
    /// deployment's, and what is then written would mix the two.
    fn lock(&self) -> Result<File> {
        let lock = lock(&self.directory)?;
        if read_settings(&self.directory)? == self.settings {
            Ok(lock)
        } else {
            Err(Error::SettingsChanged(self.directory.clone()))
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The enclave last attested and the deployment's pinned keys.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::File`].
    pub fn pins(&self) -> Result<Option<Pins>> {
        Pins::load(&self.directory)
    }

    /// Keeps them.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::SettingsChanged`] or [`Error::File`].
    pub fn store_pins(&self, pins: &Pins) -> Result<()> {
        let _lock = self.lock()?;
        pins.store(&self.directory, DurableStep::HomePins)
    }

    /// Replaces the settings; keys and wallets stay. A new address, tenant, root or name in the release
    /// keys means another deployment, whose keys are then pinned anew. Of the releases those stay that
    /// the new settings' keys signed; what was withdrawn from their deployment stays withdrawn. Whether
    /// that could be read: if the file was lost, only what is given is known now.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::SettingsChanged`] or [`Error::File`]; [`Error::Release`] if a release
    /// that is given is not to be accepted, [`Error::Usage`] if none is.
    pub fn replace_settings(
        &mut self,
        settings: Settings,
        given: &[SignedRelease],
    ) -> Result<bool> {
        let _lock = self.lock()?;
        let (kept, was_read) = releases::load_for_new(&self.directory, &settings)?;
        let releases = releases::with(kept, &settings, given)?;
        if deployment(&self.settings) != deployment(&settings) {
            durable::remove(&place(&self.directory, ENCLAVE), DurableStep::HomePinsForgotten)?;
        }
        // The settings first. After a crash in between, the releases of another deployment are told
        // from these settings' own, and nothing is trusted until this is done again; of the same
        // deployment, those stay that these keys signed.
        write_settings(&self.directory, &settings)?;
        releases::store(&releases, &self.directory)?;
        self.settings = settings;
        Ok(was_read)
    }

    /// Opens everything.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`], [`Error::InUse`], [`Error::SettingsChanged`] or [`Error::Damaged`].
    pub fn unlock(self, passphrase: &Passphrase) -> Result<OpenHome> {
        let lock = self.lock()?;
        for folder in [Path::new(""), Path::new(WALLETS), Path::new(PREPARATIONS)] {
            durable::sweep(&self.directory.join(folder))?;
        }
        let vault = Vault::open(&place(&self.directory, KEY), passphrase)?;
        let device = Device::load(&vault, &self.directory)?;
        let Self { directory, settings } = self;
        Ok(OpenHome { directory, settings, vault, device, _lock: lock })
    }

    /// What is there that others than the owner could read or change.
    ///
    /// # Errors
    /// [`Error::File`] if the directory cannot be listed.
    pub fn exposed(&self) -> Result<Vec<PathBuf>> {
        let mut exposed = Vec::new();
        for folder in [Path::new(""), Path::new(WALLETS), Path::new(PREPARATIONS)] {
            let folder = self.directory.join(folder);
            let paths = fs::read_dir(&folder)
                .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>())
                .map_err(Error::file(&folder))?;
            let paths: Vec<PathBuf> = paths;
            for path in paths.into_iter().chain([folder]) {
                let mode = fs::metadata(&path).map_err(Error::file(&path))?.permissions().mode();
                if mode & 0o077 != 0 && !exposed.contains(&path) {
                    exposed.push(path);
                }
            }
        }
        Ok(exposed)
    }
}

impl OpenHome {
    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// This device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The enclave last attested and the deployment's pinned keys.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::File`].
    pub fn pins(&self) -> Result<Option<Pins>> {
        Pins::load(&self.directory)
    }

    /// Keeps them.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn store_pins(&self, pins: &Pins) -> Result<()> {
        pins.store(&self.directory, DurableStep::HomePins)
    }

    /// The session, if one was opened.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::File`].
    pub fn session(&self) -> Result<Option<Session>> {
        Session::load(&self.vault, &self.directory)
    }

    /// Keeps a session; it replaces the last one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn store_session(&self, session: &Session) -> Result<()> {
        session.store(&self.vault, &self.directory)
    }

    /// Erases the session key.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn forget_session(&self) -> Result<()> {
        durable::remove(&place(&self.directory, SESSION), DurableStep::HomeSessionForgotten)
    }
}

const SETTINGS: &str = "settings.json";
const ENCLAVE: &str = "enclave.json";
const RELEASES: &str = "releases.json";
const LOCK: &str = "lock";
const KEY: &str = "key.age";
const DEVICE: &str = "device.age";
const SESSION: &str = "session.age";
const RECOVERY: &str = "recovery.age";
const WALLETS: &str = "wallets";
const PREPARATIONS: &str = "preparations";

fn place(directory: &Path, name: &str) -> PathBuf {
    directory.join(name)
}

/// What tells deployments apart; release keys may change within one.
fn deployment(settings: &Settings) -> (&ServiceUrl, &TenantId, &AttestationRoot, &str) {
    let Settings { url, tenant, root, release_keys, .. } = settings;
    (url, tenant, root, release_keys.deployment())
}

fn read_settings(directory: &Path) -> Result<Settings> {
    let path = place(directory, SETTINGS);
    let bytes = durable::read(&path, MAX_PUBLIC_FILE_BYTES)?
        .ok_or_else(|| Error::NotSetUp(directory.to_owned()))?;
    Settings::read(&bytes)?.ok_or(Error::Damaged(path))
}

fn write_settings(directory: &Path, settings: &Settings) -> Result<()> {
    let text = serde_json::to_vec_pretty(settings)
        .map_err(|_| Error::Damaged(place(directory, SETTINGS)))?;
    durable::write(&place(directory, SETTINGS), &text, DurableStep::HomeSettings)
}

/// Takes the lock, which the system releases when the file is closed, also after a crash.
fn lock(directory: &Path) -> Result<File> {
    let path = place(directory, LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(durable::FILE_MODE)
        .open(&path)
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::NotSetUp(directory.to_owned()),
            _ => Error::file(&path)(e),
        })?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(directory.to_owned())),
            Err(TryLockError::Error(e)) => return Err(Error::file(&path)(e)),
        }
    }
}

#[cfg(test)]
mod tests;
