use super::guesses;
use crate::error::Result;
use crate::exchange::forward;
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::Response;
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Archive a wallet
///
/// It cannot sign any more. Nothing is erased.
#[utoipa::path(
    post, path = "/v1/wallets/{id}/archive", tag = "wallets",
    operation_id = "archiveWallet",
    params(("id" = String, Path, description = "The wallet's id"), PostHeaders),
    request_body = SealedRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `WalletChanged`"),
        Problems,
    ),
)]
pub(crate) async fn archive(
    Use(state): Use<State>,
    Path(id): Path<String>,
    SealedPost(post): SealedPost,
) -> Result<Response> {
    let guesses = guesses(&post, &id)?;
    forward(state, post, DurableStep::ArchiveWallet, guesses).await
}
