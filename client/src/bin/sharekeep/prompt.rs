//! Asking the user, and reading what must not be an argument.

pub(crate) use sharekeep::terminal::{confirm, new_secret, secret, secret_file, somebody_is_there};

use crate::arguments::Common;
use sharekeep::{Passphrase, Result, terminal};

/// Whether a passphrase can be had without failing.
pub(crate) fn has_passphrase(common: &Common) -> bool {
    terminal::has_passphrase(common.passphrase_file.as_deref())
}

/// The passphrase that opens this device's files.
pub(crate) fn passphrase(common: &Common) -> Result<Passphrase> {
    terminal::passphrase(common.passphrase_file.as_deref())
}

/// A passphrase for files that are made now; typed twice.
pub(crate) fn new_passphrase(common: &Common) -> Result<Passphrase> {
    terminal::new_passphrase(common.passphrase_file.as_deref())
}
