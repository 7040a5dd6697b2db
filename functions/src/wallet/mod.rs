//! Wallets. What is listed here comes from routing columns; clients believe receipts.

pub(crate) mod activate;
pub(crate) mod archive;
pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;

use crate::error::{Error, Result};
use crate::exchange::deployment_keys;
use crate::gate::Sealed;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, WalletRow};
use sharekeep_schemas::http::{Base64Url, WalletView};
use sharekeep_schemas::{ProblemCode, UserId, WalletId};

/// The wallet a path names, as one of the caller's: another user's has another partition.
fn in_path(user: UserId, id: &str) -> Result<RecordKey> {
    let wallet: WalletId = id.parse().map_err(|_| Error::refused(ProblemCode::NotFound))?;
    Ok(RecordKey::Wallet { user, wallet })
}

/// What a change of the wallet in the path needs.
fn guesses(post: &Sealed, id: &str) -> Result<Vec<RecordQuery>> {
    let mut guesses = vec![RecordQuery::One(in_path(post.user()?, id)?)];
    guesses.extend(deployment_keys());
    Ok(guesses)
}

fn view(row: WalletRow) -> WalletView {
    WalletView {
        wallet_id: row.wallet,
        scheme: row.scheme,
        protocol: row.protocol,
        public_key: Base64Url(row.public_key.into_vec()),
        threshold: row.threshold,
        parties: row.parties,
        epoch: row.epoch,
        status: row.status,
        created_at_unix_s: row.created_at_unix_s,
    }
}
