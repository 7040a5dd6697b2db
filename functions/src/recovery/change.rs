use crate::error::Result;
use crate::exchange::forward;
use crate::gate::{Bucket, SealedPost};
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::State as Use;
use axum::response::Response;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Change the factors
///
/// What the signed list says holds afterwards. Removing or replacing a factor comes with a new
/// recovery key and all backups sealed to it, in one transaction.
#[utoipa::path(
    post, path = "/v1/recovery/factors", tag = "recovery",
    operation_id = "changeFactors",
    params(PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `FactorsChanged`"),
        Problems,
    ),
)]
pub(crate) async fn change(
    Use(state): Use<State>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let user = post.user()?;
    post.take(&state, &Bucket::of_recoveries(&user, &state)).await?;
    // A rotation needs wallets and backups as well. Only the enclave sees whether it is one.
    let guesses = vec![RecordQuery::One(RecordKey::Recovery(user)), RecordQuery::FactorsOf(user)];
    forward(state, post, DurableStep::ChangeFactors, guesses).await
}
