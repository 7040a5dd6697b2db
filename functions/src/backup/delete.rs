use super::{guesses, in_path};
use crate::error::Result;
use crate::exchange::forward;
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::Response;
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Delete a wallet's backup
///
/// Only of archived wallets: the others could not be restored any more.
#[utoipa::path(
    post, path = "/v1/wallets/{id}/backup/delete", tag = "backups",
    operation_id = "deleteBackup",
    params(("id" = String, Path, description = "The wallet's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `BackupDeleted`"),
        Problems,
    ),
)]
pub(crate) async fn delete(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let guesses = guesses(post.user()?, in_path(&id)?);
    forward(state, post, DurableStep::DeleteBackup, guesses).await
}
