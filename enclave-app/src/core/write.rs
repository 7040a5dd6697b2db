use super::authenticate::Caller;
use super::stop::Stop;
use super::vault::Vault;
use super::{Core, Request};
use serde_bytes::ByteBuf;
use sharekeep_channel::record_seal::{OpenedRecord, RecordVersion};
use sharekeep_schemas::UserId;
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, Row, Write};

/// A record's new content.
pub(super) struct Content<'a> {
    pub(super) plaintext: &'a [u8],
    pub(super) row: Row,
    /// Generation of the wallet's shares, zero where there is none.
    pub(super) epoch: u64,
    pub(super) expires_at_unix_s: Option<u64>,
}

impl<'a> Content<'a> {
    /// A record that stays until it is deleted and is of no epoch.
    pub(super) fn lasting(plaintext: &'a [u8], row: Row) -> Self {
        Self { plaintext, row, epoch: 0, expires_at_unix_s: None }
    }
}

impl Request<'_> {
    /// Opens one of the caller's records; none if there is none.
    pub(super) fn opened(
        &self,
        caller: &Caller,
        key: &RecordKey,
    ) -> Result<Option<OpenedRecord>, Stop> {
        match self.records.one(key)? {
            Some(sealed) => self.open(&caller.vault, caller.user(), key, sealed).map(Some),
            None => Ok(None),
        }
    }

    /// As [`Core::put`], of one of the caller's records.
    pub(super) fn put(
        &self,
        caller: &Caller,
        key: RecordKey,
        stored: Option<u64>,
        content: Content<'_>,
    ) -> Result<Write, Stop> {
        self.core.put(&caller.vault, caller.session.user, key, stored, content)
    }
}

impl Core {
    /// The write that puts one of a user's records in place of the version that the store holds,
    /// or of none.
    pub(super) fn put(
        &self,
        vault: &Vault,
        user: UserId,
        key: RecordKey,
        stored: Option<u64>,
        content: Content<'_>,
    ) -> Result<Write, Stop> {
        let version = stored.unwrap_or(0) + 1;
        let place = RecordVersion { epoch: content.epoch, record_version: version };
        let bytes = self.seal(vault, user.as_bytes(), &key, place, content.plaintext)?;
        Ok(Write {
            key,
            condition: stored.map_or(Condition::Absent, Condition::Version),
            put: Some(Put {
                version,
                bytes: ByteBuf::from(bytes),
                row: content.row,
                expires_at_unix_s: content.expires_at_unix_s,
            }),
        })
    }
}

/// Deletes a record, if it is still the one that was read.
pub(super) fn delete(key: RecordKey, stored: u64) -> Write {
    Write { key, condition: Condition::Version(stored), put: None }
}

/// Makes the transaction depend on a record that decided it.
pub(super) fn unchanged(key: RecordKey, stored: u64) -> Write {
    Write { key, condition: Condition::Unchanged(stored), put: None }
}
