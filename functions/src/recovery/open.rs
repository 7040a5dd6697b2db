use crate::error::Result;
use crate::exchange::forward;
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::State as Use;
use axum::response::Response;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Open the recovery record
///
/// The signed lists of factors, and the recovery seed sealed to each factor that is no passcode.
#[utoipa::path(
    post, path = "/v1/recovery/open", tag = "recovery",
    operation_id = "openRecovery",
    params(PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `RecoveryOpened`"),
        Problems,
    ),
)]
pub(crate) async fn open(Use(state): Use<State>, SealedPost(post): SealedPost) -> Result<Response> {
    let user = post.user()?;
    let guesses = vec![RecordQuery::One(RecordKey::Recovery(user)), RecordQuery::FactorsOf(user)];
    forward(state, post, DurableStep::OpenRecovery, guesses).await
}
