//! Factors: the ways to unlock the user's recovery seed.

pub(crate) mod finish;
pub(crate) mod guess;
pub(crate) mod list;
pub(crate) mod register;

use crate::error::{Error, Result};
use sharekeep_schemas::{FactorId, ProblemCode};

/// The factor a path names. Only one that cannot exist is refused here: whether there is one is not
/// to be seen from outside.
fn in_path(id: &str) -> Result<FactorId> {
    id.parse().map_err(|_| Error::refused(ProblemCode::NotFound))
}
