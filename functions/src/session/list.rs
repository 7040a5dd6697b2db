use crate::error::Result;
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::state::State;
use axum::Json;
use axum::extract::State as Use;
use sharekeep_schemas::enclave::SessionRow;
use sharekeep_schemas::http::{Page, SessionView};

/// List the user's sessions
///
/// All on one page, the oldest first.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions",
    operation_id = "listSessions",
    params(SignedHeaders),
    responses((status = 200, body = Page<SessionView>, description = "The sessions"), Problems),
)]
pub(crate) async fn list(
    Use(state): Use<State>,
    get: SignedGet,
) -> Result<Json<Page<SessionView>>> {
    let sessions = state.store.sessions_of(&get.session.user, state.clock.now_unix_s()).await?;
    let current = get.session.session;
    let view = |row: SessionRow| SessionView {
        current: row.session == current,
        session_id: row.session,
        device_id: row.device,
        scopes: row.scopes,
        created_at_unix_s: row.created_at_unix_s,
        expires_at_unix_s: row.expires_at_unix_s,
    };
    Ok(Json(Page { items: sessions.into_iter().map(view).collect(), next_cursor: None }))
}
