//! Backups of the user's shares, which the user seals and the enclave seals again.

mod delete;
mod open;
mod put;

use super::Request;
use super::authenticate::Caller;
use super::records::unfit;
use super::stop::{Refusal, Stop};
use super::write::Content;
use crate::record::BackupRecord;
use sharekeep_schemas::enclave::{RecordKey, StoredRecord, Write};
use sharekeep_schemas::limits::MAX_BACKUP_BYTES;
use sharekeep_schemas::sealed::SealedBackup;
use sharekeep_schemas::{ProblemCode, UserId, WalletId};

/// What a backup must say of itself to be stored. Each older value is one that somebody might bring
/// back.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub(super) wallet: WalletId,
    pub(super) epoch: u64,
    /// Of the current recovery key.
    pub(super) generation: u64,
    pub(super) version: u64,
}

/// Checks what can be checked of a backup that does not open here.
pub(super) fn check(backup: &SealedBackup, expected: Expected) -> Result<(), Stop> {
    if backup.sealed.len() > MAX_BACKUP_BYTES {
        return Err(ProblemCode::TooLarge.into());
    }
    if backup.wallet != expected.wallet || backup.sealed.is_empty() {
        return Err(ProblemCode::MalformedRequest.into());
    }
    let detail = if backup.generation != expected.generation {
        "sealed to another recovery key than the current one"
    } else if backup.epoch != expected.epoch {
        "of another epoch than the wallet's"
    } else if backup.version != expected.version {
        "its version does not follow the stored one"
    } else {
        return Ok(());
    };
    Err(Refusal::saying(ProblemCode::BackupStale, detail).into())
}

/// Where a wallet's backup is.
pub(super) fn key(user: UserId, wallet: WalletId) -> RecordKey {
    RecordKey::Backup { user, wallet }
}

impl Request<'_> {
    /// The stored backup of one of the caller's wallets.
    pub(super) fn backup(
        &self,
        caller: &Caller,
        wallet: WalletId,
    ) -> Result<Option<BackupRecord>, Stop> {
        let key = key(caller.session.user, wallet);
        let Some(bytes) = self.records.one(&key)? else { return Ok(None) };
        self.read_backup(caller, wallet, &key, bytes).map(Some)
    }

    /// A backup out of a listing.
    pub(super) fn listed_backup(
        &self,
        caller: &Caller,
        stored: &StoredRecord,
    ) -> Result<BackupRecord, Stop> {
        match stored.key {
            RecordKey::Backup { user, wallet } if user == caller.session.user => {
                self.read_backup(caller, wallet, &stored.key, &stored.bytes)
            }
            _ => Err(unfit()),
        }
    }

    fn read_backup(
        &self,
        caller: &Caller,
        wallet: WalletId,
        key: &RecordKey,
        bytes: &[u8],
    ) -> Result<BackupRecord, Stop> {
        let opened = self.open(&caller.vault, caller.user(), key, bytes)?;
        let record = BackupRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        let place = (record.backup.wallet, record.backup.epoch, record.backup.version);
        if place != (wallet, opened.version.epoch, opened.version.record_version) {
            return Err(unfit());
        }
        Ok(record)
    }

    /// The write of a checked backup in place of the version before it.
    pub(super) fn write_backup(
        &self,
        caller: &Caller,
        backup: SealedBackup,
        stored: Option<u64>,
    ) -> Result<Write, Stop> {
        let key = key(caller.session.user, backup.wallet);
        let record = BackupRecord { backup, stored_at_unix_s: self.now };
        let plaintext = record.encode();
        let content =
            Content { epoch: record.backup.epoch, ..Content::lasting(&plaintext, record.row()) };
        self.put(caller, key, stored, content)
    }
}
