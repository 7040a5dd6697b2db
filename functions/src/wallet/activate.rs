use crate::backup;
use crate::error::Result;
use crate::exchange::{deployment_keys, forward};
use crate::gate::SealedPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::{Path, State as Use};
use axum::response::Response;
use sharekeep_schemas::enclave::RecordQuery;
use sharekeep_schemas::http::{SealedAnswer, SealedRequest};
use sharekeep_steps::DurableStep;

/// Activate a wallet
///
/// Stores its first backup; from then on, and not before, the wallet signs. Both are one
/// transaction.
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
    let (user, wallet) = (post.user()?, backup::in_path(&id)?);
    let mut guesses = backup::guesses(user, wallet);
    guesses.push(RecordQuery::FactorsOf(user));
    guesses.extend(deployment_keys());
    forward(state, post, DurableStep::ActivateWallet, guesses).await
}
