use super::guesses;
use crate::error::Result;
use crate::exchange::forward;
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::Response;
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};

/// Activate a wallet
///
/// The client says that its share is stored durably; from then on the wallet signs.
#[utoipa::path(
    post, path = "/v1/wallets/{id}/activate", tag = "wallets",
    operation_id = "activateWallet",
    params(("id" = String, Path, description = "The wallet's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `WalletChanged`"),
        Problems,
    ),
)]
pub(crate) async fn activate(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let guesses = guesses(&post, &id)?;
    forward(state, post, guesses).await
}
