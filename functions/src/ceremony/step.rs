use super::in_path;
use crate::error::Result;
use crate::exchange::forward;
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::Response;
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Take a ceremony on
///
/// An exact repetition gets the same answer; another body for a step that was taken ends it.
#[utoipa::path(
    post, path = "/v1/ceremonies/{id}/steps", tag = "ceremonies",
    operation_id = "stepCeremony",
    params(("id" = String, Path, description = "The ceremony's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `CeremonyAnswer`"),
        Problems,
    ),
)]
pub(crate) async fn step(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    in_path(&id)?;
    // The ceremony itself is in the enclave's memory; its record is asked for when that matters.
    forward(state, post, DurableStep::StepCeremony, vec![]).await
}
