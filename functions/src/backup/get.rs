use super::{in_path, view};
use crate::error::{Error, Result};
use crate::gate::{EntityTag, SignedGet};
use crate::openapi::{Problems, SignedHeaders};
use crate::state::State;
use axum::Json;
use axum::extract::{Path, State as Use};
use axum::response::{IntoResponse, Response};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::enclave::{RecordKey, Row};
use sharekeep_schemas::http::BackupView;

/// Get a wallet's backup
///
/// What is stored, without its contents: they come from `/v1/wallets/{id}/backup/open`.
#[utoipa::path(
    get, path = "/v1/wallets/{id}/backup", tag = "backups",
    operation_id = "getBackup",
    params(("id" = String, Path, description = "The wallet's id"), SignedHeaders),
    responses(
        (
            status = 200, body = BackupView, description = "The backup",
            headers(("ETag" = String, description = "Its version, for `If-Match`")),
        ),
        Problems,
    ),
)]
pub(crate) async fn get(
    Use(state): Use<State>,
    Path(id): Path<String>,
    get: SignedGet,
) -> Result<Response> {
    let key = RecordKey::Backup { user: get.session.user, wallet: in_path(&id)? };
    match state.store.row(&key).await?.map(|found| found.row) {
        Some(Row::Backup(row)) => {
            Ok(([EntityTag(row.version).header()], Json(view(row))).into_response())
        }
        Some(_) => Err(Error::StoreBroken("a backup without its row".into())),
        None => Err(Error::refused(ProblemCode::NotFound)),
    }
}
