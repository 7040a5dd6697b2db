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

/// Finish a guess
///
/// Proves that the guess was right. The enclave that took it must be asked, within two minutes.
#[utoipa::path(
    post, path = "/v1/factors/{id}/guess/finish", tag = "recovery",
    operation_id = "finishGuess",
    params(("id" = String, Path, description = "The factor's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `GuessFinished`"),
        Problems,
    ),
)]
pub(crate) async fn finish(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let (user, factor) = (post.user()?, in_path(&id)?);
    forward(
        state,
        post,
        DurableStep::FinishGuess,
        vec![
            RecordQuery::One(RecordKey::Factor { user, factor }),
            RecordQuery::One(RecordKey::Recovery(user)),
        ],
    )
    .await
}
