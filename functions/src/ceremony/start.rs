use crate::error::Result;
use crate::exchange::forward;
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::State as Use;
use axum::response::Response;
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Start a ceremony
///
/// A preparation or a signature. What it is for, and the message to sign, are inside `sealed`.
#[utoipa::path(
    post, path = "/v1/ceremonies", tag = "ceremonies",
    operation_id = "startCeremony",
    params(PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `CeremonyAnswer`"),
        Problems,
    ),
)]
pub(crate) async fn start(
    Use(state): Use<State>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    forward(state, post, DurableStep::StartCeremony, vec![]).await
}
