//! Sessions: a user's session keys.

pub(crate) mod list;
pub(crate) mod open;
pub(crate) mod renew;
pub(crate) mod revoke;

use crate::error::{Error, Result};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::{ProblemCode, SessionKeyId};

/// The session a path names. One that cannot exist is like one that does not.
fn in_path(id: &str) -> Result<RecordKey> {
    let id: SessionKeyId = id.parse().map_err(|_| Error::refused(ProblemCode::NotFound))?;
    Ok(RecordKey::Session(id))
}
