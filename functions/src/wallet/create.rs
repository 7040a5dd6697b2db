use crate::error::Result;
use crate::exchange::{Precondition, deployment_keys, forward_if};
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::State as Use;
use axum::response::Response;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Create a wallet
///
/// Starts its key generation; the ceremony's further steps go to `/v1/ceremonies/{id}/steps`. The
/// user needs factors first, so that the wallet can be backed up.
#[utoipa::path(
    post, path = "/v1/wallets", tag = "wallets",
    operation_id = "createWallet",
    params(PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `CeremonyAnswer`"),
        Problems,
    ),
)]
pub(crate) async fn create(
    Use(state): Use<State>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let user = post.user()?;
    let mut guesses = vec![
        RecordQuery::One(RecordKey::Recovery(user)),
        RecordQuery::FactorsOf(user),
        RecordQuery::WalletsOf(user),
    ];
    guesses.extend(deployment_keys());
    forward_if(state, post, DurableStep::CreateWallet, guesses, Precondition::RoomForWallet(user))
        .await
}
