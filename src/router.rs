//! All routes and the layers around them.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;
use crate::http::{batch, correct, document, health, metrics, models, page, problem, profiles, score};
use crate::openapi;
use crate::telemetry::{access_log, request_id};

/// The documented routes; the OpenAPI document comes from these.
pub(crate) fn documented() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::info())
        .routes(routes!(score::score))
        .routes(routes!(batch::score_batch))
        .routes(routes!(correct::correct))
        .routes(routes!(profiles::profiles))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::healthz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(models::models))
        .routes(routes!(document::openapi))
}

/// The service.
pub fn router(app: Arc<App>) -> Router {
    let (routes, _) = documented().split_for_parts();
    routes
        .merge(page::routes())
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        // Each route has limits of its own, see http::upload.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), problem::render))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), access_log::log))
        .layer(middleware::from_fn(request_id::assign))
        .with_state(app)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands over a box")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = message.unwrap_or("?"), "a handler panicked");
    ApiError::Internal.into_response()
}
