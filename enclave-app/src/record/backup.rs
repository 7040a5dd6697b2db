use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_schemas::enclave::{BackupRow, Row};
use sharekeep_schemas::sealed::SealedBackup;
use zeroize::Zeroizing;

/// A backup of the user's share, which the user sealed and the enclave cannot open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupRecord {
    /// What the user sealed, and what it is of.
    pub backup: SealedBackup,
    /// When it was stored, in seconds since 1970.
    pub stored_at_unix_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    backup: SealedBackup,
    stored_at_unix_s: u64,
}

impl BackupRecord {
    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            backup: self.backup.clone(),
            stored_at_unix_s: self.stored_at_unix_s,
        })
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        Ok(Self { backup: wire.backup, stored_at_unix_s: wire.stored_at_unix_s })
    }

    /// The routing copy.
    pub fn row(&self) -> Row {
        Row::Backup(BackupRow {
            wallet: self.backup.wallet,
            epoch: self.backup.epoch,
            generation: self.backup.generation,
            version: self.backup.version,
            size: self.backup.sealed.len() as u64,
            stored_at_unix_s: self.stored_at_unix_s,
        })
    }
}
