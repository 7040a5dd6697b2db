//! Ceremonies: runs of a threshold protocol between device and enclave. Their state is in the
//! enclave's memory; the store only knows that they exist.

pub(crate) mod abort;
pub(crate) mod get;
pub(crate) mod start;
pub(crate) mod step;

use crate::error::{Error, Result};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::{CeremonyId, ProblemCode};

/// The ceremony a path names. One that cannot exist is like one that does not.
fn in_path(id: &str) -> Result<RecordKey> {
    let id: CeremonyId = id.parse().map_err(|_| Error::refused(ProblemCode::NotFound))?;
    Ok(RecordKey::Ceremony(id))
}
