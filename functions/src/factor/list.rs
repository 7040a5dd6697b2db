use crate::error::Result;
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::paging::{PageQuery, page};
use crate::state::State;
use axum::Json;
use axum::extract::State as Use;
use sharekeep_schemas::enclave::FactorRow;
use sharekeep_schemas::http::{FactorView, Page};

/// List the user's factors
///
/// In pages, in an order of no meaning. What counts is the signed list of `/v1/recovery/open`.
#[utoipa::path(
    get, path = "/v1/factors", tag = "recovery",
    operation_id = "listFactors",
    params(PageQuery, SignedHeaders),
    responses((status = 200, body = Page<FactorView>, description = "A page of factors"), Problems),
)]
pub(crate) async fn list(Use(state): Use<State>, get: SignedGet) -> Result<Json<Page<FactorView>>> {
    page(&state, &get, |row: FactorRow| FactorView {
        factor_id: row.factor,
        kind: row.kind,
        added_at_unix_s: row.added_at_unix_s,
    })
    .await
}
