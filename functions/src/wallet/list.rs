use super::view;
use crate::error::Result;
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::paging::{PageQuery, page};
use crate::state::State;
use axum::Json;
use axum::extract::State as Use;
use sharekeep_schemas::http::{Page, WalletView};

/// List the user's wallets
///
/// In pages, in an order of no meaning.
#[utoipa::path(
    get, path = "/v1/wallets", tag = "wallets",
    operation_id = "listWallets",
    params(PageQuery, SignedHeaders),
    responses((status = 200, body = Page<WalletView>, description = "A page of wallets"), Problems),
)]
pub(crate) async fn list(Use(state): Use<State>, get: SignedGet) -> Result<Json<Page<WalletView>>> {
    page(&state, &get, view).await
}
