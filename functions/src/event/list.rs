use crate::error::Result;
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::paging::{PageQuery, page};
use crate::state::State;
use axum::Json;
use axum::extract::State as Use;
use sharekeep_schemas::enclave::EventRow;
use sharekeep_schemas::http::{EventView, Page};

/// List what happened
///
/// In pages, the newest first: guesses, changes of factors and devices, restores of the last 90
/// days. A help to the user and no proof: who runs the service can leave events out.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    operation_id = "listEvents",
    params(PageQuery, SignedHeaders),
    responses((status = 200, body = Page<EventView>, description = "A page of events"), Problems),
)]
pub(crate) async fn list(Use(state): Use<State>, get: SignedGet) -> Result<Json<Page<EventView>>> {
    page(&state, &get, |row: EventRow| EventView {
        event_id: row.event,
        kind: row.kind,
        device_id: row.device,
        at_unix_s: row.at_unix_s,
    })
    .await
}
