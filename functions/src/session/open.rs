use crate::error::Result;
use crate::exchange::{deployment_keys, forward};
use crate::gate::OpenSessionPost;
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::State as Use;
use axum::response::Response;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::http::{OpenSessionRequest, SealedAnswer};

/// Open a session
///
/// Signed with the new session's key. The identity provider's token is inside `sealed`: only the
/// enclave reads it.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions",
    operation_id = "openSession",
    params(PostHeaders),
    request_body = OpenSessionRequest,
    responses(
        (status = 200, body = SealedAnswer, description = "The sealed `SessionOpened`"),
        Problems,
    ),
)]
pub(crate) async fn open(
    Use(state): Use<State>,
    OpenSessionPost(post): OpenSessionPost,
) -> Result<Response> {
    // The new session's id must not be taken.
    let mut guesses = vec![RecordQuery::One(RecordKey::Session(post.session))];
    guesses.extend(deployment_keys());
    forward(state, post, guesses).await
}
