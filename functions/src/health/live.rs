use axum::Json;
use sharekeep_schemas::http::Health;

/// Whether the process runs
#[utoipa::path(
    get, path = "/healthz", tag = "health",
    operation_id = "isAlive",
    responses((status = 200, body = Health, description = "It runs")),
)]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}
