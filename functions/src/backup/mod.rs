//! Backups of users' shares, sealed by the user and again by the enclave. The first one of a wallet
//! is stored by its activation.

pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod open;
pub(crate) mod put;

use crate::error::{Error, Result};
use sharekeep_schemas::enclave::{BackupRow, RecordKey, RecordQuery};
use sharekeep_schemas::http::BackupView;
use sharekeep_schemas::{ProblemCode, UserId, WalletId};

/// The wallet a path names. One that cannot exist is like one that does not.
pub(crate) fn in_path(id: &str) -> Result<WalletId> {
    id.parse().map_err(|_| Error::refused(ProblemCode::NotFound))
}

/// What every request about a backup needs, as one of the caller's: another user's has another
/// partition.
pub(crate) fn guesses(user: UserId, wallet: WalletId) -> Vec<RecordQuery> {
    vec![
        RecordQuery::One(RecordKey::Wallet { user, wallet }),
        RecordQuery::One(RecordKey::Backup { user, wallet }),
        RecordQuery::One(RecordKey::Recovery(user)),
    ]
}

fn view(row: BackupRow) -> BackupView {
    BackupView {
        wallet_id: row.wallet,
        epoch: row.epoch,
        generation: row.generation,
        version: row.version,
        size: row.size,
        stored_at_unix_s: row.stored_at_unix_s,
    }
}
