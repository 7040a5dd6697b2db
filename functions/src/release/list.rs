use crate::error::{Error, Result};
use crate::exchange::json;
use crate::gate::{Bucket, Incoming};
use crate::openapi::Problems;
use crate::state::State;
use axum::extract::{Request, State as Use};
use axum::response::Response;
use sharekeep_schemas::http::ReleasesAnswer;

/// List the releases of the enclave's images
///
/// As the release signers signed them: a client believes those that the keys it pins have signed, and
/// nobody else about which images to trust.
#[utoipa::path(
    get, path = "/v1/releases", tag = "attestation",
    operation_id = "listReleases",
    responses((status = 200, body = ReleasesAnswer, description = "Their texts"), Problems),
)]
pub(crate) async fn list(Use(state): Use<State>, request: Request) -> Result<Response> {
    let incoming = Incoming::read(request).await?;
    if let Some(address) = incoming.address {
        Bucket::take_of_address(address, &state, &incoming.rate).await?;
    }
    let releases = state.store.releases().await?;
    let body = serde_json::to_vec(&ReleasesAnswer { releases });
    Ok(json(body.map_err(|_| Error::Internal("releases cannot be encoded"))?))
}
