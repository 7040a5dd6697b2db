use crate::error::Result;
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::paging::{PageQuery, page};
use crate::state::State;
use axum::Json;
use axum::extract::State as Use;
use sharekeep_schemas::enclave::DeviceRow;
use sharekeep_schemas::http::{Base64Url, DeviceView, Page};

/// List the user's devices
///
/// In pages, in an order of no meaning, revoked ones included.
#[utoipa::path(
    get, path = "/v1/devices", tag = "devices",
    operation_id = "listDevices",
    params(PageQuery, SignedHeaders),
    responses((status = 200, body = Page<DeviceView>, description = "A page of devices"), Problems),
)]
pub(crate) async fn list(Use(state): Use<State>, get: SignedGet) -> Result<Json<Page<DeviceView>>> {
    let current = get.session.device;
    page(&state, &get, |row: DeviceRow| DeviceView {
        current: row.device == current,
        device_id: row.device,
        name: row.name,
        identity_key: Base64Url(row.identity_key.into_vec()),
        registered_at_unix_s: row.registered_at_unix_s,
        revoked_at_unix_s: row.revoked_at_unix_s,
    })
    .await
}
