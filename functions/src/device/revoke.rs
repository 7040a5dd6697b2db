use super::in_path;
use crate::error::Result;
use crate::exchange::forward;
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::Response;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Revoke a device
///
/// It and its sessions end at once, and it can open none again.
#[utoipa::path(
    post, path = "/v1/devices/{id}/revoke", tag = "devices",
    operation_id = "revokeDevice",
    params(("id" = String, Path, description = "The device's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `DeviceChanged`"),
        Problems,
    ),
)]
pub(crate) async fn revoke(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let user = post.user()?;
    let guesses = vec![
        RecordQuery::One(in_path(user, &id)?),
        RecordQuery::One(RecordKey::Recovery(user)),
        RecordQuery::SessionsOf(user),
    ];
    forward(state, post, DurableStep::RevokeDevice, guesses).await
}
