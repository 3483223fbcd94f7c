//! All routes and the layers around them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;
use crate::http::{batch, correct, document, guard, health, metrics, models, page, problem, profiles, score};
use crate::openapi;
use crate::telemetry::{access_log, request_id, trace_context};

/// Routes that need a key where the service has keys.
fn guarded() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(score::score))
        .routes(routes!(batch::score_batch))
        .routes(routes!(correct::correct))
        .routes(routes!(profiles::profiles))
        .routes(routes!(models::models))
}

fn metrics_route() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(metrics::metrics))
}

fn probes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(health::livez)).routes(routes!(health::readyz)).routes(routes!(health::healthz))
}

fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(document::openapi))
}

/// The documented routes; the OpenAPI document comes from these.
pub(crate) fn documented() -> OpenApiRouter<Arc<App>> {
    let open = OpenApiRouter::with_openapi(openapi::info()).merge(probes()).merge(described());
    guarded().merge(metrics_route()).merge(open)
}

/// Paths of the routes that need a key where the service has keys.
pub(crate) fn guarded_paths() -> impl Iterator<Item = String> {
    guarded().merge(metrics_route()).into_openapi().paths.paths.into_keys()
}

/// The service.
pub fn router(app: &Arc<App>) -> Router {
    let access = &app.config().access;
    let metrics = if access.admin_listen.is_none() { metrics_route() } else { OpenApiRouter::new() };
    let guarded = guarded().merge(metrics).route_layer(middleware::from_fn_with_state(Arc::clone(app), guard::check));
    let routes = Router::from(guarded).merge(probes()).merge(described()).merge(page::routes());
    with_layers(routes, app)
}

/// What operators use, where it has a listener of its own.
pub fn admin_router(app: &Arc<App>) -> Router {
    with_layers(Router::from(metrics_route()).merge(probes()), app)
}

/// The layers around every route, innermost first.
fn with_layers(routes: Router<Arc<App>>, app: &Arc<App>) -> Router {
    let access = &app.config().access;
    let unless_set = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let mut routes = routes
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        // Each route has limits of its own, see http::upload.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(app), problem::render));
    if let Some(cors) = cors(&access.cors_origins) {
        routes = routes.layer(cors);
    }
    if access.tls_cert.is_some() {
        routes = routes.layer(unless_set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    }
    routes
        // Answers are for whoever asked, and no page may be made of them. The page has a policy of its own.
        .layer(unless_set(header::CACHE_CONTROL, "no-store"))
        .layer(unless_set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(unless_set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(unless_set(header::REFERRER_POLICY, "no-referrer"))
        .layer(middleware::from_fn_with_state(Arc::clone(app), access_log::log))
        .layer(middleware::from_fn(trace_context::follow))
        .layer(middleware::from_fn(request_id::assign))
        .with_state(Arc::clone(app))
}

/// Lets pages of these origins use the service; without any, browsers let none.
fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let own = ["x-api-key", "x-request-id", "traceparent"].map(HeaderName::from_static);
    let told = ["x-request-id", "traceresponse", "clearshot-receipt", "retry-after"].map(HeaderName::from_static);
    let sent = [header::CONTENT_TYPE, header::AUTHORIZATION].into_iter().chain(own);
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins.to_vec())
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(sent.collect::<Vec<_>>())
            .expose_headers(told)
            .max_age(Duration::from_secs(3600))
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands over a box")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = message.unwrap_or("?"), "a handler panicked");
    ApiError::Internal.into_response()
}
