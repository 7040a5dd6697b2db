use super::{guesses, in_path};
use crate::error::{Error, Result};
use crate::exchange::{Precondition, forward_if};
use crate::gate::{ConditionalPost, EntityTag};
use crate::openapi::{IfMatchHeader, PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::{IntoResponse, Response};
use sharekeep_schemas::ProblemCode;

use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Replace a wallet's backup
///
/// The sealed `PutBackup` says the same version as `If-Match`, plus one: the enclave checks that,
/// and the header refuses cheaply.
#[utoipa::path(
    post, path = "/v1/wallets/{id}/backup", tag = "backups",
    operation_id = "putBackup",
    params(("id" = String, Path, description = "The wallet's id"), PostHeaders, IfMatchHeader),
    request_body = SealedRequest,
    responses(
        (
            status = 200, body = SealedAnswer, description = "The sealed `BackupStored`",
            headers(("ETag" = String, description = "The version that is stored now")),
        ),
        Problems,
    ),
)]
pub(crate) async fn put(
    Use(state): Use<State>,
    Path(id): Path<String>,
    ConditionalPost(post, tag): ConditionalPost,
) -> Result<Response> {
    let (user, wallet) = (post.user()?, in_path(&id)?);
    let next = tag.0.checked_add(1).map(EntityTag);
    let next = next.ok_or(Error::refused(ProblemCode::PreconditionFailed))?;
    let guesses = guesses(user, wallet);
    let condition = Precondition::Backup { user, wallet, tag };
    let answer = forward_if(state, post, DurableStep::PutBackup, guesses, condition).await?;
    // The enclave stores no other version, and the tag is part of what an exact retry repeats.
    Ok(([next.header()], answer).into_response())
}
