use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::token::TOKEN_LIFETIME_S;
use super::{Realm, Signing};

/// Largest form a client may send, in bytes.
const MAX_FORM_BYTES: usize = 8_192;

type Refusal = (StatusCode, Json<Value>);

pub(super) fn router(realm: Arc<Realm>) -> Router {
    Router::new()
        .route("/realms/{issuer}/.well-known/openid-configuration", get(discovery))
        .route("/realms/{issuer}/jwks", get(jwks))
        .route("/realms/{issuer}/token", post(token))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(realm)
}

/// OpenID Connect Discovery 1.0 section 4.
async fn discovery(
    State(realm): State<Arc<Realm>>,
    Path(issuer): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let issuer = realm.issuer(&issuer).ok_or_else(not_found)?;
    Ok(Json(json!({
        "issuer": issuer.url(),
        "jwks_uri": issuer.jwks_uri(),
        "token_endpoint": format!("{}/token", issuer.url()),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "grant_types_supported": ["password"],
        "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
        "claims_supported": ["iss", "sub", "aud", "iat", "nbf", "exp", "auth_time", "nonce"],
    })))
}

async fn jwks(
    State(realm): State<Arc<Realm>>,
    Path(issuer): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let issuer = realm.issuer(&issuer).ok_or_else(not_found)?;
    issuer.jwks_requests.fetch_add(1, Ordering::Relaxed);
    if issuer.outage.load(Ordering::Relaxed) {
        return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"));
    }
    Ok(Json(issuer.keys.jwks()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    grant_type: String,
    username: String,
    password: String,
    client_id: String,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// RFC 6749 section 4.3, with OpenID Connect's `nonce`: enough for development, where no browser
/// is at hand. Real identity providers use the authorization code flow.
async fn token(
    State(realm): State<Arc<Realm>>,
    Path(issuer): Path<String>,
    Form(request): Form<TokenRequest>,
) -> Result<Json<Value>, Refusal> {
    let issuer = realm.issuer(&issuer).ok_or_else(not_found)?;
    if request.grant_type != "password" {
        return Err(refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type"));
    }
    if request.scope.is_some_and(|scope| scope.split(' ').all(|word| word != "openid")) {
        return Err(refuse(StatusCode::BAD_REQUEST, "invalid_scope"));
    }
    let known = realm.password_of(&request.username);
    // Compared even when there is no such user, so that time does not tell.
    let expected = known.unwrap_or("");
    let fits: bool = expected.as_bytes().ct_eq(request.password.as_bytes()).into();
    if known.is_none() || !fits {
        return Err(refuse(StatusCode::BAD_REQUEST, "invalid_grant"));
    }
    let mut draft = issuer.token(&request.username, &request.client_id);
    if let Some(nonce) = &request.nonce {
        draft = draft.nonce(nonce);
    }
    let id_token = draft
        .sign(Signing::Rs256)
        .map_err(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error"))?;
    Ok(Json(json!({
        "access_token": "none",
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME_S,
        "id_token": id_token,
    })))
}

fn not_found() -> Refusal {
    refuse(StatusCode::NOT_FOUND, "not_found")
}

fn refuse(status: StatusCode, error: &str) -> Refusal {
    (status, Json(json!({ "error": error })))
}
