use super::view;
use crate::error::Result;
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::paging::{PageQuery, page};
use crate::state::State;
use axum::Json;
use axum::extract::State as Use;
use sharekeep_schemas::http::{BackupView, Page};

/// List the user's backups
///
/// In pages, in an order of no meaning. Their contents come from `/v1/wallets/{id}/backup/open`.
#[utoipa::path(
    get, path = "/v1/backups", tag = "backups",
    operation_id = "listBackups",
    params(PageQuery, SignedHeaders),
    responses((status = 200, body = Page<BackupView>, description = "A page of backups"), Problems),
)]
pub(crate) async fn list(Use(state): Use<State>, get: SignedGet) -> Result<Json<Page<BackupView>>> {
    page(&state, &get, view).await
}
