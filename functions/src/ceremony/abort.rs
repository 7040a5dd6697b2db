use super::in_path;
use crate::error::Result;
use crate::exchange::forward;
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::Response;
use sharekeep_schemas::enclave::RecordQuery;
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Abort a ceremony
///
/// The enclave forgets its state at once.
#[utoipa::path(
    post, path = "/v1/ceremonies/{id}/abort", tag = "ceremonies",
    operation_id = "abortCeremony",
    params(("id" = String, Path, description = "The ceremony's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `CeremonyAborted`"),
        Problems,
    ),
)]
pub(crate) async fn abort(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    forward(state, post, DurableStep::AbortCeremony, vec![RecordQuery::One(in_path(&id)?)]).await
}
