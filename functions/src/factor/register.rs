use super::in_path;
use crate::error::Result;
use crate::exchange::forward;
use crate::gate::{Bucket, SealedPost};
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::Response;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Register a passcode
///
/// The enclave's part of a new passcode (RFC 9807), kept for some minutes until the factors are
/// changed.
#[utoipa::path(
    post, path = "/v1/factors/{id}/register", tag = "recovery",
    operation_id = "registerPasscode",
    params(("id" = String, Path, description = "The factor's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `PasscodeRegistered`"),
        Problems,
    ),
)]
pub(crate) async fn register(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let (user, factor) = (post.user()?, in_path(&id)?);
    post.take(&state, &Bucket::of_guesses(&user, &state)).await?;
    let guesses = vec![
        RecordQuery::One(RecordKey::Factor { user, factor }),
        RecordQuery::One(RecordKey::PasscodeDraft { user, factor }),
    ];
    forward(state, post, DurableStep::RegisterPasscode, guesses).await
}
