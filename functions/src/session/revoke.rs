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

/// Revoke a session
///
/// Ends one of the user's sessions at once, also the one that asks.
#[utoipa::path(
    post, path = "/v1/sessions/{id}/revoke", tag = "sessions",
    operation_id = "revokeSession",
    params(("id" = String, Path, description = "The session's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `SessionRevoked`"),
        Problems,
    ),
)]
pub(crate) async fn revoke(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    forward(state, post, DurableStep::RevokeSession, vec![RecordQuery::One(in_path(&id)?)]).await
}
