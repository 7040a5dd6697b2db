use super::{in_path, view};
use crate::error::{Error, Result};
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::state::State;
use axum::Json;
use axum::extract::{Path, State as Use};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::enclave::Row;
use sharekeep_schemas::http::WalletView;

/// Get a wallet
#[utoipa::path(
    get, path = "/v1/wallets/{id}", tag = "wallets",
    operation_id = "getWallet",
    params(("id" = String, Path, description = "The wallet's id"), SignedHeaders),
    responses((status = 200, body = WalletView, description = "The wallet"), Problems),
)]
pub(crate) async fn get(
    Use(state): Use<State>,
    Path(id): Path<String>,
    get: SignedGet,
) -> Result<Json<WalletView>> {
    let key = in_path(get.session.user, &id)?;
    match state.store.row(&key).await?.map(|found| found.row) {
        Some(Row::Wallet(row)) => Ok(Json(view(row))),
        Some(_) => Err(Error::StoreBroken("a wallet without its row".into())),
        None => Err(Error::refused(ProblemCode::NotFound)),
    }
}
