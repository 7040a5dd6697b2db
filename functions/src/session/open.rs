use crate::error::{Error, Result};
use crate::exchange::{deployment_keys, forward};
use crate::gate::{Bucket, OpenSessionPost, RateSlot};
use crate::openapi::{PostHeaders, Problems};
use crate::state::State;
use axum::extract::State as Use;
use axum::response::Response;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::http::{OpenSessionRequest, SealedAnswer};
use sharekeep_steps::DurableStep;

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
    let bucket = Bucket::of_openings(&post.tenant, &state);
    // Runs on when the caller hangs up, or nobody who does would be counted.
    let answered = tokio::spawn(async move {
        let answer = forward(state.clone(), post, DurableStep::OpenSession, guesses).await?;
        // It is committed, so it is answered: an empty bucket refuses the next one.
        let _ = bucket.take(&state, &RateSlot::default()).await;
        Ok(answer)
    });
    answered.await.map_err(|_| Error::Internal("a request's task died"))?
}
