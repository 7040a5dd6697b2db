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

/// Largest content of a recovery file: five signed statements of up to 17 kB, the marks of four
/// changes (6 kB each), and the paths of promised files.
const MAX_BYTES: usize = 192 * 1024;
const VERSION: u8 = 1;
/// Most changes of which it is not known whether they stand. A user who gives a command again and
/// again wants the last ones.
const MAX_BEGUN_CHANGES: usize = 4;
/// Most files of an interrupted change that are remembered.
const MAX_PROMISED_FILES: usize = 16;
/// Largest file of a factor.
const MAX_PROMISED_FILE_BYTES: usize = 64 * 1024;
/// Ends the name of a file of a change that was not known to stand when it was tried again.
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

/// A change of factors that was begun: kept before it is sent, because its answer can get lost, and
/// until it can never stand any more, because its request can arrive late.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BegunChange {
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
    /// Oldest first. All of them count on from what is held.
    begun: Vec<Begun>,
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
        let sound = content.version == VERSION
            && content.begun.len() <= MAX_BEGUN_CHANGES
            && content.begun.iter().all(|begun| begun.marks.len() <= MAX_WALLETS_PER_USER)
            && content.promised.len() <= MAX_PROMISED_FILES;
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
    let begun = content.begun.iter().map(|begun| &begun.change);
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

    /// Pins a statement that was verified. Changes that were begun are over with it: sequences only
    /// rise, so one that does not count on from this statement can never stand.
    pub(crate) fn store_recovery(&self, held: &HeldRecovery, step: DurableStep) -> Result<()> {
        let mut content = self.recovery_content()?;
        content.begun.retain(|begun| begun.change.pin.sequence > held.pin.sequence);
        if content.begun.is_empty() {
            content.promised.clear();
        }
        content.held = Some(believed(held.user, &held.pin, &held.statement));
        self.store_recovery_content(&content, step)
    }

    /// The changes that were begun here and of which it is not known if they stand, oldest first.
    pub(crate) fn begun_changes(&self) -> Result<Vec<BegunChange>> {
        let begun = self.recovery_content()?.begun;
        begun
            .into_iter()
            .map(|begun| {
                Ok(BegunChange {
                    user: begun.change.user,
                    statement: self.statement(&begun.change.statement)?,
                    pin: begun.change.pin,
                    marks: begun.marks,
                })
            })
            .collect()
    }

    /// Whether a change of factors was begun here of which it is not known if it stands.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::File`].
    pub fn has_pending_change(&self) -> Result<bool> {
        self.recovery_content().map(|content| !content.begun.is_empty())
    }

    /// Remembers a change before it is sent. The oldest ones make room.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does not count on from what is held, so that it can never stand.
    pub(crate) fn begin_change(&self, change: &BegunChange) -> Result<()> {
        let mut content = self.recovery_content()?;
        if content.held.as_ref().is_some_and(|held| held.pin.sequence >= change.pin.sequence) {
            return Err(Error::Usage("the factors were changed meanwhile: try again".to_owned()));
        }
        let surplus = (content.begun.len() + 1).saturating_sub(MAX_BEGUN_CHANGES);
        content.begun.drain(..surplus);
        content.begun.push(Begun {
            change: believed(change.user, &change.pin, &change.statement),
            marks: change.marks.clone(),
        });
        self.store_recovery_content(&content, DurableStep::ChangeBegun)
    }

    /// Writes a factor's secret into a new file. A file that an interrupted change left there is
    /// moved beside it, and kept: that change may still come to stand. Settle first what was
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
            let found = durable::read_secret(&path, MAX_PROMISED_FILE_BYTES)?;
            if found.is_some_and(|bytes| Sha256::digest(&*bytes)[..] == promised.digest[..]) {
                let beside = free_name(&path)?;
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
            let (begun, promised) = (vec![], vec![]);
            return Ok(Content { version: VERSION, held: None, begun, promised });
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

/// Where a superseded file goes: none is ever overwritten.
fn free_name(path: &Path) -> Result<PathBuf> {
    let numbered = (2..=MAX_PROMISED_FILES).map(|number| format!("{SUPERSEDED}-{number}"));
    std::iter::once(SUPERSEDED.to_owned())
        .chain(numbered)
        .map(|ending| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        })
        .find(|name| !name.exists())
        .ok_or_else(|| Error::Usage(format!("too many files are left beside {}", path.display())))
}

fn believed(user: UserId, pin: &FactorSetPin, statement: &SignedFactorSet) -> Believed {
    Believed { user, pin: pin.clone(), statement: ByteBuf::from(statement.to_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_recovery::factor_set::{FactorSet, MAX_FACTOR_SET_BYTES, NewFactor, Waiver};
    use sharekeep_recovery::{FactorSecret, RecoveryCode, RecoverySeed};
    use sharekeep_schemas::FactorId;

    const USER: UserId = UserId::new([1; 32]);
    /// Longest path that Linux takes.
    const MAX_PATH_BYTES: usize = 4096;
    /// What a signed statement adds to the list of factors in it.
    const ENVELOPE_BYTES: usize = 256;

    fn first_change() -> BegunChange {
        let tenant = "demo".parse().unwrap();
        let rng = &mut rand_core::OsRng;
        let code = RecoveryCode::generate(rng);
        let keys = FactorSecret::recovery_code(&code).keys(&tenant, &USER, FactorId::new([2; 16]));
        let (seed, new) = (RecoverySeed::generate(rng), [NewFactor { keys: &keys, label: None }]);
        let made = FactorSet::first(&tenant, &USER, &seed, &new, Waiver::NotGiven, rng).unwrap();
        BegunChange { user: USER, pin: made.set.pin(), statement: made.signed, marks: vec![] }
    }

    fn mark() -> BackupMark {
        BackupMark {
            version: u64::MAX,
            generation: u64::MAX,
            epoch: u64::MAX,
            digest: ByteArray::new([255; 32]),
            preparation: Some((PreparationId::new([255; 32]), DeviceId::new([255; 16]))),
        }
    }

    #[test]
    fn the_largest_file_that_is_written_is_read() {
        let pin = FactorSetPin { sequence: u64::MAX, ..first_change().pin };
        let change = || Believed {
            user: USER,
            pin: pin.clone(),
            statement: ByteBuf::from(vec![255; MAX_FACTOR_SET_BYTES + ENVELOPE_BYTES]),
        };
        let marks = vec![(WalletId::new([255; 16]), mark()); MAX_WALLETS_PER_USER];
        let begun = || Begun { change: change(), marks: marks.clone() };
        let promised = || PromisedFile {
            path: "x".repeat(MAX_PATH_BYTES).into(),
            digest: ByteArray::new([255; 32]),
        };
        let content = Content {
            version: VERSION,
            held: Some(change()),
            begun: (0..MAX_BEGUN_CHANGES).map(|_| begun()).collect(),
            promised: (0..MAX_PROMISED_FILES).map(|_| promised()).collect(),
        };
        let bytes = content.to_plaintext();
        assert!(Content::from_plaintext(&bytes).is_some(), "{} bytes", bytes.len());
        let one_more = Content {
            begun: (0..=MAX_BEGUN_CHANGES).map(|_| begun()).collect(),
            promised: vec![],
            ..content
        };
        assert!(Content::from_plaintext(&one_more.to_plaintext()).is_none());
    }

    #[test]
    fn the_last_changes_are_remembered_until_a_list_as_new_is_pinned() {
        let parent = tempfile::tempdir().unwrap();
        let settings = crate::settings::tests::example();
        let passphrase = crate::Passphrase::new("correct horse".to_owned()).unwrap();
        let releases = [crate::settings::tests::example_release(1, 1)];
        let directory = parent.path().join("home");
        let home = crate::Home::create(&directory, settings, &releases, &passphrase).unwrap();
        let changes: Vec<_> = (0..=MAX_BEGUN_CHANGES).map(|_| first_change()).collect();
        for change in &changes {
            home.begin_change(change).unwrap();
        }
        assert_eq!(home.begun_changes().unwrap(), changes[1..]);
        let other = first_change();
        let held = HeldRecovery { user: USER, pin: other.pin, statement: other.statement };
        home.store_recovery(&held, DurableStep::RecoveryLearnt).unwrap();
        assert!(home.begun_changes().unwrap().is_empty());
        assert!(home.begin_change(&changes[0]).is_err(), "it can never stand");
    }
}
