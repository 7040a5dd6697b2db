use crate::error::Result;
use crate::exchange::{deployment_keys, forward};
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::State as Use;
use axum::response::Response;
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};

/// Create a wallet
///
/// Starts its key generation; the ceremony's further steps go to `/v1/ceremonies/{id}/steps`.
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
    forward(state, post, deployment_keys().to_vec()).await
}
