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

/// Name a device
///
/// For listings; the name is no secret.
#[utoipa::path(
    post, path = "/v1/devices/{id}/name", tag = "devices",
    operation_id = "nameDevice",
    params(("id" = String, Path, description = "The device's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `DeviceChanged`"),
        Problems,
    ),
)]
pub(crate) async fn name(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let device = in_path(post.user()?, &id)?;
    forward(state, post, DurableStep::NameDevice, vec![RecordQuery::One(device)]).await
}
