use crate::author::Author;
use crate::error::{Error, Result};
use crate::exchange::{Records, Settled, ask, deployment_keys, json};
use crate::gate::{Bucket, Incoming};
use crate::openapi::Problems;
use crate::state::State;
use axum::extract::{Request, State as Use};
use axum::response::Response;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::AttestationAnswer;
use sharekeep_steps::DurableStep;
use std::time::{Duration, Instant};

/// Another enclave is only asked while the caller has not waited long for the first.
const AGAIN_WITHIN: Duration = Duration::from_secs(3);

/// Get an attestation document
///
/// Fresh, with the caller's nonce in it, and with the enclave key that requests are to be sealed
/// to. Clients verify it against the root and the measurements that they hold themselves.
#[utoipa::path(
    get, path = "/v1/attestation", tag = "attestation",
    operation_id = "getAttestation",
    params(("nonce" = String, Query, description = "32 random bytes, base64url without padding")),
    responses((status = 200, body = AttestationAnswer, description = "The document"), Problems),
)]
pub(crate) async fn get(Use(state): Use<State>, request: Request) -> Result<Response> {
    let incoming = Incoming::read(request).await?;
    if !incoming.query.as_deref().is_some_and(is_nonce) {
        return Err(Error::refused_with(
            ProblemCode::MalformedRequest,
            "give nonce=<32 bytes in base64url without padding>",
        ));
    }
    // Each one costs the enclave a signature.
    if let Some(address) = incoming.address {
        Bucket::take_of_address(address, &state, &incoming.rate).await?;
    }
    let asked = Instant::now();
    let settled = match attest(&state, &incoming).await {
        // Its host went a moment ago; it is passed over now.
        Err(Error::EnclaveUnavailable(_)) if asked.elapsed() < AGAIN_WITHIN => {
            attest(&state, &incoming).await
        }
        other => other,
    };
    match settled? {
        Settled::Done { body, writes } => {
            let (nothing, now) = (Author::Anybody.allowed(&writes)?, state.clock.now_unix_s());
            state.store.commit_allowed(DurableStep::Attestation, &nothing, None, now).await?;
            Ok(json(body))
        }
        Settled::Refused { refusal, .. } => Err(refusal),
    }
}

async fn attest(state: &State, incoming: &Incoming) -> Result<Settled> {
    let queries = deployment_keys().to_vec();
    let (enclave, records) =
        tokio::try_join!(state.fleet.any(), Records::beginning(state, queries, None))?;
    let http = incoming.for_enclave(None, None);
    ask(state, &enclave, &Author::Anybody, http, incoming.traceparent.as_ref(), records).await
}

/// Whether the query is a nonce and nothing else, in its one canonical form.
fn is_nonce(query: &str) -> bool {
    query
        .strip_prefix("nonce=")
        .filter(|text| text.len() == 43)
        .is_some_and(|text| B64.decode(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::is_nonce;

    #[test]
    fn only_a_nonce_of_32_bytes_gets_to_the_enclave() {
        let nonce = "A".repeat(43);
        assert!(is_nonce(&format!("nonce={nonce}")));
        for bad in [
            String::new(),
            "nonce=".into(),
            nonce.clone(),
            format!("nonce={nonce}&x=1"),
            format!("nonce={}", "A".repeat(44)),
            format!("nonce={}+", "A".repeat(42)),
        ] {
            assert!(!is_nonce(&bad), "{bad}");
        }
    }
}
