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

/// Renew a session
///
/// A session can renew itself, up to an age at which the user has to sign in again.
#[utoipa::path(
    post, path = "/v1/sessions/{id}/renew", tag = "sessions",
    operation_id = "renewSession",
    params(("id" = String, Path, description = "The session's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `SessionRenewed`"),
        Problems,
    ),
)]
pub(crate) async fn renew(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    forward(state, post, DurableStep::RenewSession, vec![RecordQuery::One(in_path(&id)?)]).await
}
