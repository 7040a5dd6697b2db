use crate::error::Result;
use crate::exchange::{deployment_keys, forward};
use crate::gate::{Bucket, SealedPost};
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::State as Use;
use axum::response::Response;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Take wallets over
///
/// The session's device proves that it holds the shares of wallets again, and that it unlocked the
/// recovery key. Devices that are declared lost are revoked in the same transaction.
#[utoipa::path(
    post, path = "/v1/restore", tag = "recovery",
    operation_id = "restoreWallets",
    params(PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `Restored`"),
        Problems,
    ),
)]
pub(crate) async fn restore(
    Use(state): Use<State>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let user = post.user()?;
    post.take(&state, &Bucket::of_recoveries(&user, &state)).await?;
    let mut guesses = vec![
        RecordQuery::One(RecordKey::Recovery(user)),
        RecordQuery::DevicesOf(user),
        RecordQuery::SessionsOf(user),
    ];
    guesses.extend(deployment_keys());
    forward(state, post, DurableStep::Restore, guesses).await
}
