//! One log line per request (method, route, status, duration, request id), counted for the metrics, too.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::request_id::RequestId;
use crate::app::App;

/// Middleware that logs the request; what is logged on its way carries the same id. The route is the matched pattern,
/// not the path: a path may hold what a client would not want in a log.
pub(crate) async fn log(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request.extensions().get::<RequestId>().map_or_else(String::new, ToString::to_string);
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!("request", request_id = %id);
    async move {
        let response = next.run(request).await;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        let status = response.status().as_u16();
        app.metrics.answered(&route, method.as_str(), status, started);
        // Probes come every few seconds and say nothing when they succeed.
        if response.status().is_success() && route.ends_with('z') {
            tracing::debug!(%method, route, status, milliseconds, "answered");
        } else {
            tracing::info!(%method, route, status, milliseconds, "answered");
        }
        response
    }
    .instrument(span)
    .await
}
