use super::{OpenHome, RECOVERY, durable, place};
use crate::recovery::write_secret_file;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use sha2::{Digest, Sha256};
use sharekeep_recovery::factor_set::{FactorSetPin, SignedFactorSet};
use sharekeep_schemas::limits::MAX_WALLETS_PER_USER;
use sharekeep_schemas::sealed::SealedBackup;
use sharekeep_schemas::{DeviceId, PreparationId, UserId, WalletId, codec};
use sharekeep_steps::DurableStep;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Largest content of a recovery file: two signed statements and the marks of a pending change.
const MAX_BYTES: usize = 64 * 1024;
const VERSION: u8 = 1;
/// Most files of an interrupted change that are remembered.
const MAX_PROMISED_FILES: usize = 16;
/// Largest file of a factor.
const MAX_PROMISED_FILE_BYTES: usize = 64 * 1024;
/// Ends the name of a file that opens nothing.
const SUPERSEDED: &str = ".superseded";

/// What this device believes about the user's recovery. It seals backups to the pinned key and
/// accepts no other one that does not follow from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldRecovery {
    /// Whose.
    pub user: UserId,
    /// The recovery keys and the statement that were believed last.
    pub pin: FactorSetPin,
    /// That statement.
    pub statement: SignedFactorSet,
}

/// A change of factors that was begun: kept before it is sent, because its answer can get lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PendingChange {
    pub(crate) user: UserId,
    pub(crate) pin: FactorSetPin,
    pub(crate) statement: SignedFactorSet,
    /// The backups that go with it, of wallets this device holds.
    pub(crate) marks: Vec<(WalletId, BackupMark)>,
}

/// What this device knows of a wallet's stored backup, to notice another one in its place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupMark {
    /// Counts the wallet's backups.
    pub version: u64,
    /// Generation of the recovery key it is sealed to.
    pub generation: u64,
    /// Generation of the share in it.
    pub epoch: u64,
    /// SHA-256 of the sealed bytes.
    pub digest: ByteArray<32>,
    /// The preparation in it, and the device that made that.
    pub preparation: Option<(PreparationId, DeviceId)>,
}

impl BackupMark {
    pub(crate) fn new(
        backup: &SealedBackup,
        preparation: Option<(PreparationId, DeviceId)>,
    ) -> Self {
        Self {
            version: backup.version,
            generation: backup.generation,
            epoch: backup.epoch,
            digest: ByteArray::new(Sha256::digest(&backup.sealed).into()),
            preparation,
        }
    }

    /// Whether a stored backup is the one that was marked.
    pub(crate) fn matches(&self, stored: &SealedBackup) -> bool {
        Self::new(stored, self.preparation) == *self
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u8,
    held: Option<Believed>,
    pending: Option<Begun>,
    /// Files written for factors of a change that is not known to stand.
    promised: Vec<PromisedFile>,
}

/// A factor's file, noted before it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PromisedFile {
    path: PathBuf,
    /// SHA-256 of its content.
    digest: ByteArray<32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Believed {
    user: UserId,
    pin: FactorSetPin,
    statement: ByteBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    change: Believed,
    marks: Vec<(WalletId, BackupMark)>,
}

impl Content {
    fn from_plaintext(bytes: &[u8]) -> Option<Self> {
        let content: Self = codec::decode(bytes, MAX_BYTES).ok()?;
        let marks = content.pending.as_ref().map_or(0, |begun| begun.marks.len());
        let promised = content.promised.len();
        let sound = content.version == VERSION
            && marks <= MAX_WALLETS_PER_USER
            && promised <= MAX_PROMISED_FILES;
        sound.then_some(content)
    }

    fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        codec::encode_secret(self)
    }
}

/// Reads a recovery file and writes it again, for a fuzz target.
#[cfg(fuzzing)]
pub(crate) fn rewritten(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let content = Content::from_plaintext(bytes)?;
    let begun = content.pending.as_ref().map(|begun| &begun.change);
    for believed in content.held.iter().chain(begun) {
        let _ = SignedFactorSet::from_bytes(&believed.statement);
    }
    Some(content.to_plaintext())
}

impl OpenHome {
    /// What this device believes about the user's recovery, if it believes anything yet.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::File`].
    pub fn recovery(&self) -> Result<Option<HeldRecovery>> {
        let held = self.recovery_content()?.held;
        held.map(|held| {
            Ok(HeldRecovery {
                user: held.user,
                statement: self.statement(&held.statement)?,
                pin: held.pin,
            })
        })
        .transpose()
    }

    /// Pins a statement that was verified; a change that was begun is over with it.
    pub(crate) fn store_recovery(&self, held: &HeldRecovery, step: DurableStep) -> Result<()> {
        let held = Some(believed(held.user, &held.pin, &held.statement));
        let content = Content { version: VERSION, held, pending: None, promised: vec![] };
        self.store_recovery_content(&content, step)
    }

    pub(crate) fn pending_change(&self) -> Result<Option<PendingChange>> {
        let pending = self.recovery_content()?.pending;
        pending
            .map(|begun| {
                Ok(PendingChange {
                    user: begun.change.user,
                    statement: self.statement(&begun.change.statement)?,
                    pin: begun.change.pin,
                    marks: begun.marks,
                })
            })
            .transpose()
    }

    /// Whether a change of factors was begun here of which it is not known if it stands.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::File`].
    pub fn has_pending_change(&self) -> Result<bool> {
        self.pending_change().map(|pending| pending.is_some())
    }

    /// Remembers a change before it is sent, or (`None`) that it came to nothing.
    pub(crate) fn store_pending_change(&self, pending: Option<&PendingChange>) -> Result<()> {
        let pending = pending.map(|pending| Begun {
            change: believed(pending.user, &pending.pin, &pending.statement),
            marks: pending.marks.clone(),
        });
        let step = match pending {
            Some(_) => DurableStep::ChangeBegun,
            None => DurableStep::ChangeDropped,
        };
        self.store_recovery_content(&Content { pending, ..self.recovery_content()? }, step)
    }

    /// Writes a factor's secret into a new file. A file that an interrupted change left there, and
    /// that opens nothing since that change never stood, is moved beside it: settle first what was
    /// interrupted ([`SignedIn::settle_interrupted`](crate::SignedIn::settle_interrupted)). Any other
    /// file stays as it is. Says where the old one is now.
    ///
    /// # Errors
    /// [`Error::File`], also if another file is there.
    pub fn write_factor_file(&self, path: &Path, content: &[u8]) -> Result<Option<PathBuf>> {
        let path = std::path::absolute(path).map_err(Error::file(path))?;
        let mut known = self.recovery_content()?;
        let mut moved = None;
        if let Some(index) = known.promised.iter().position(|file| file.path == path) {
            let promised = known.promised.remove(index);
            let found = durable::read(&path, MAX_PROMISED_FILE_BYTES)?.map(Zeroizing::new);
            if found.is_some_and(|bytes| Sha256::digest(&*bytes)[..] == promised.digest[..]) {
                let mut name = path.clone().into_os_string();
                name.push(SUPERSEDED);
                let beside = PathBuf::from(name);
                durable::rename(&path, &beside, DurableStep::FactorFileSuperseded)?;
                moved = Some(beside);
            }
        }
        // A file that is there already was not promised by this device: writing fails.
        if !path.exists() {
            let digest = ByteArray::new(Sha256::digest(content).into());
            known.promised.truncate(MAX_PROMISED_FILES - 1);
            known.promised.insert(0, PromisedFile { path: path.clone(), digest });
            self.store_recovery_content(&known, DurableStep::FactorFilePromised)?;
        }
        write_secret_file(&path, content, DurableStep::FactorFile)?;
        Ok(moved)
    }

    fn recovery_content(&self) -> Result<Content> {
        let path = place(&self.directory, RECOVERY);
        let Some(bytes) = self.vault.read(&path)? else {
            let promised = vec![];
            return Ok(Content { version: VERSION, held: None, pending: None, promised });
        };
        Content::from_plaintext(&bytes).ok_or(Error::Damaged(path))
    }

    fn store_recovery_content(&self, content: &Content, step: DurableStep) -> Result<()> {
        self.vault.write(&place(&self.directory, RECOVERY), &content.to_plaintext(), step)
    }

    fn statement(&self, bytes: &[u8]) -> Result<SignedFactorSet> {
        SignedFactorSet::from_bytes(bytes)
            .map_err(|_| Error::Damaged(place(&self.directory, RECOVERY)))
    }
}

fn believed(user: UserId, pin: &FactorSetPin, statement: &SignedFactorSet) -> Believed {
    Believed { user, pin: pin.clone(), statement: ByteBuf::from(statement.to_bytes()) }
}
