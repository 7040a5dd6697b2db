//! Devices of the user: registered when a session is opened on them, named and revoked here.

pub(crate) mod list;
pub(crate) mod name;
pub(crate) mod revoke;

use crate::error::{Error, Result};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::{ProblemCode, UserId};

/// The device a path names, as one of the caller's: another user's has another partition.
fn in_path(user: UserId, id: &str) -> Result<RecordKey> {
    let device = id.parse().map_err(|_| Error::refused(ProblemCode::NotFound))?;
    Ok(RecordKey::Device { user, device })
}
