use super::in_path;
use crate::error::{Error, Result};
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::state::State;
use axum::Json;
use axum::extract::{Path, State as Use};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::enclave::Row;
use sharekeep_schemas::http::CeremonyView;

/// Get a ceremony
///
/// Where the store last saw it. A running one whose time is over was given up.
#[utoipa::path(
    get, path = "/v1/ceremonies/{id}", tag = "ceremonies",
    operation_id = "getCeremony",
    params(("id" = String, Path, description = "The ceremony's id"), SignedHeaders),
    responses((status = 200, body = CeremonyView, description = "The ceremony"), Problems),
)]
pub(crate) async fn get(
    Use(state): Use<State>,
    Path(id): Path<String>,
    get: SignedGet,
) -> Result<Json<CeremonyView>> {
    const NOT_FOUND: Error = Error::refused(ProblemCode::NotFound);
    let key = in_path(&id)?;
    let found = state.store.row(&key).await?.ok_or(NOT_FOUND)?;
    let now = state.clock.now_unix_s();
    if found.expires_at_unix_s.is_some_and(|expires_at| expires_at <= now) {
        return Err(NOT_FOUND);
    }
    match found.row {
        // Another user's is like none.
        Row::Ceremony(row) if row.user == get.session.user => Ok(Json(CeremonyView {
            ceremony_id: row.ceremony,
            kind: row.kind,
            state: row.state,
            wallet_id: row.wallet,
            expires_at_unix_s: row.expires_at_unix_s,
        })),
        Row::Ceremony(_) => Err(NOT_FOUND),
        _ => Err(Error::StoreBroken("a ceremony without its row".into())),
    }
}
