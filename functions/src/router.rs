//! Routes by group: all of them together in a local run, one group a Lambda function on AWS.

use crate::error::Error;
use crate::gate::only_through;
use crate::openapi::{Base, openapi};
use crate::state::State;
use crate::{
    attestation, backup, ceremony, device, event, factor, health, observe, recovery, release,
    session, wallet,
};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderName, Method, header};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::headers;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

/// How long a browser may remember what CORS allows.
const CORS_MAX_AGE: Duration = Duration::from_secs(600);

/// The folder of the page to try the interface.
const PAGE: &str = "/docs";

/// Routes that one Lambda function serves, under a role that may do what they need and no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RouteGroup {
    /// Attestation, releases, sessions, devices, events, health; and the page to try the interface.
    Sessions,
    /// Wallets and ceremonies.
    Wallets,
    /// Backups, factors, passcodes, restore.
    Recovery,
}

impl RouteGroup {
    /// Every group: together they are the whole interface.
    pub const ALL: [Self; 3] = [Self::Sessions, Self::Wallets, Self::Recovery];

    /// The name of its binary, its Lambda function and its role.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Wallets => "wallets",
            Self::Recovery => "recovery",
        }
    }

    /// Its routes, ready to be served.
    pub fn app(self, state: State) -> Router {
        serve(&[self], state)
    }

    fn routes(self) -> OpenApiRouter<State> {
        match self {
            Self::Sessions => sessions(),
            Self::Wallets => wallets(),
            Self::Recovery => recoveries(),
        }
    }
}

/// The whole interface, ready to be served.
pub fn app(state: State) -> Router {
    serve(&RouteGroup::ALL, state)
}

fn serve(groups: &[RouteGroup], state: State) -> Router {
    let cors = cors(&state);
    let mut router: Router<State> = described(groups).into();
    if groups.contains(&RouteGroup::Sessions) {
        let page = Router::from(SwaggerUi::new(PAGE).url("/openapi.json", openapi()));
        router = router.merge(page.layer(from_fn(to_the_page)));
    }
    router = router
        .fallback(|| async { Error::refused(ProblemCode::NotFound) })
        .method_not_allowed_fallback(|| async { Error::refused(ProblemCode::MethodNotAllowed) })
        .layer(cors);
    if let Some(edge) = &state.config.edge {
        router = router.layer(from_fn_with_state(Arc::new(edge.clone()), only_through));
    }
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(observe::observe))
        .with_state(state)
}

/// The routes of these groups with their descriptions.
pub(crate) fn described(groups: &[RouteGroup]) -> OpenApiRouter<State> {
    let base = OpenApiRouter::with_openapi(Base::openapi());
    groups.iter().fold(base, |router, group| router.merge(group.routes()))
}

fn sessions() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(attestation::get::get))
        .routes(routes!(release::list::list))
        .routes(routes!(session::open::open, session::list::list))
        .routes(routes!(session::renew::renew))
        .routes(routes!(session::revoke::revoke))
        .routes(routes!(device::list::list))
        .routes(routes!(device::name::name))
        .routes(routes!(device::revoke::revoke))
        .routes(routes!(event::list::list))
        .routes(routes!(health::live::live))
        .routes(routes!(health::ready::ready))
}

fn wallets() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(wallet::create::create, wallet::list::list))
        .routes(routes!(wallet::get::get))
        .routes(routes!(wallet::activate::activate))
        .routes(routes!(wallet::archive::archive))
        .routes(routes!(ceremony::start::start))
        .routes(routes!(ceremony::step::step))
        .routes(routes!(ceremony::get::get))
        .routes(routes!(ceremony::abort::abort))
}

fn recoveries() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(backup::list::list))
        .routes(routes!(backup::get::get, backup::put::put))
        .routes(routes!(backup::open::open))
        .routes(routes!(backup::delete::delete))
        .routes(routes!(recovery::open::open))
        .routes(routes!(recovery::change::change))
        .routes(routes!(recovery::restore::restore))
        .routes(routes!(factor::list::list))
        .routes(routes!(factor::register::register))
        .routes(routes!(factor::guess::guess))
        .routes(routes!(factor::finish::finish))
}

fn cors(state: &State) -> CorsLayer {
    let name = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(state.config.cors_origins.iter().cloned()))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::IF_MATCH,
            name(headers::CONTENT_DIGEST),
            name(headers::SIGNATURE),
            name(headers::SIGNATURE_INPUT),
            name(headers::IDEMPOTENCY_KEY),
            name(headers::REQUEST_ID),
            name("traceparent"),
        ])
        .expose_headers([
            header::ETAG,
            header::RETRY_AFTER,
            name(headers::REQUEST_ID),
            name("ratelimit-limit"),
            name("ratelimit-remaining"),
            name("ratelimit-reset"),
        ])
        .max_age(CORS_MAX_AGE)
}

/// The page's own redirect goes to its folder, which an API Gateway that routes `/docs/{file+}` does
/// not know.
async fn to_the_page(request: Request, next: Next) -> Response {
    if request.uri().path() == PAGE {
        return Redirect::to("/docs/index.html").into_response();
    }
    next.run(request).await
}

/// The panic's message stays out of answers and logs: it can quote data.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Error::Internal("a handler panicked").into_response()
}
