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

/// Open a wallet's backup
///
/// Takes the enclave's seal off. What remains is sealed to the user's recovery key.
#[utoipa::path(
    post, path = "/v1/wallets/{id}/backup/open", tag = "backups",
    operation_id = "openBackup",
    params(("id" = String, Path, description = "The wallet's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `BackupOpened`"),
        Problems,
    ),
)]
pub(crate) async fn open(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let guesses = guesses(post.user()?, in_path(&id)?);
    forward(state, post, DurableStep::OpenBackup, guesses).await
}
