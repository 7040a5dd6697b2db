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

/// Guess a passcode
///
/// Charged before the answer leaves the enclave, right or wrong, whether or not there is such a
/// factor. An exact repetition gets the same answer and is not charged again.
#[utoipa::path(
    post, path = "/v1/factors/{id}/guess", tag = "recovery",
    operation_id = "startGuess",
    params(("id" = String, Path, description = "The factor's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `GuessStarted`"),
        Problems,
    ),
)]
pub(crate) async fn guess(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let (user, factor) = (post.user()?, in_path(&id)?);
    post.take(&state, &Bucket::of_guesses(&user, &state)).await?;
    forward(
        state,
        post,
        DurableStep::StartGuess,
        vec![
            RecordQuery::One(RecordKey::Factor { user, factor }),
            RecordQuery::One(RecordKey::Recovery(user)),
        ],
    )
    .await
}
