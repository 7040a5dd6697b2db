use crate::router::{RouteGroup, described};
use sharekeep_schemas::Problem;
use std::collections::BTreeMap;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr};
use utoipa::{IntoParams, IntoResponses, OpenApi};

/// The description of the HTTPS interface, made from the handlers.
pub fn openapi() -> Document {
    described(&RouteGroup::ALL).into_openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sharekeep",
        description = "Threshold wallets whose keys are never in one place.\n\n\
            Requests under `/v1`, but for the attestation and the releases, are signed with the session key \
            (RFC 9421: `@method`, `@authority`, `@path`, `@query` if there is one, \
            `content-digest` if there is a body; parameters created, expires, nonce, keyid, alg, \
            tag=\"sharekeep-v1\"). Bodies of POSTs are encapsulated for the enclave (HPKE) and \
            bound to method, path and `Idempotency-Key`; so are their answers. This page can send \
            what needs neither: attestation, releases, health, readiness. Errors are \
            `application/problem+json` (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0"),
    ),
    components(schemas(Problem)),
    tags(
        (name = "attestation", description = "Who the enclave is"),
        (name = "sessions", description = "Session keys of a signed-in user"),
        (name = "wallets", description = "Wallets of the user"),
        (name = "backups", description = "Sealed backups of the user's shares"),
        (name = "recovery", description = "Factors, passcodes, and taking wallets over"),
        (name = "devices", description = "Devices of the user"),
        (name = "events", description = "What the user's other devices should know"),
        (name = "ceremonies", description = "Runs of a threshold protocol"),
        (name = "health", description = "For load balancers and operators"),
    ),
)]
pub(crate) struct Base;

/// The headers of a signed GET.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct SignedHeaders {
    /// RFC 9421, one signature labelled `sig1`.
    #[param(rename = "Signature-Input")]
    signature_input: String,
    /// RFC 9421.
    #[param(rename = "Signature")]
    signature: String,
}

/// The headers of a signed POST.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct PostHeaders {
    /// RFC 9421, one signature labelled `sig1`.
    #[param(rename = "Signature-Input")]
    signature_input: String,
    /// RFC 9421.
    #[param(rename = "Signature")]
    signature: String,
    /// RFC 9530, SHA-256 of the body.
    #[param(rename = "Content-Digest")]
    content_digest: String,
    /// 16 to 64 of `A-Z a-z 0-9 - _`, new for each request and the same for its repetitions.
    #[param(rename = "Idempotency-Key", min_length = 16, max_length = 64)]
    idempotency_key: String,
}

/// The condition of a request that replaces something.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct IfMatchHeader {
    /// One strong `ETag`: that of what is replaced. 428 without it, 412 if it was changed
    /// meanwhile.
    #[param(rename = "If-Match")]
    if_match: String,
}

/// What every route may answer instead.
pub(crate) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = |text: &str| {
            let content =
                ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            ResponseBuilder::new()
                .description(text)
                .content("application/problem+json", content)
                .build()
                .into()
        };
        BTreeMap::from([
            ("4XX".to_owned(), problem("The request is refused")),
            ("5XX".to_owned(), problem("The service cannot do it now")),
        ])
    }
}
