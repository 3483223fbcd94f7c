//! One log line per request (method, route, status, duration, request id, trace, key), counted for the metrics, too.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use tracing::field::Empty;

use super::guard::KeyName;
use super::request_id::RequestId;
use crate::app::App;
#[cfg(feature = "otlp")]
use crate::telemetry::otlp;
use crate::telemetry::trace_context::TraceContext;

/// Middleware that logs the request; what is logged on its way carries the same ids. The route is the matched pattern,
/// not the path: a path may hold what a client would not want in a log.
pub(crate) async fn log(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request.extensions().get::<RequestId>().map_or_else(String::new, ToString::to_string);
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let method = method(&request);
    let span = tracing::info_span!("request", request_id = %id, trace_id = Empty, otel.name = Empty, otel.kind = Empty);
    let mut context = request.extensions().get::<TraceContext>().cloned();
    if let Some(context) = &mut context {
        #[cfg(feature = "otlp")]
        otlp::join(&span, context, method, &route);
        span.record("trace_id", &context.trace_id);
    }
    async move {
        let mut response = next.run(request).await;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        let status = response.status().as_u16();
        app.metrics.answered(&route, method, status, started);
        #[cfg(feature = "otlp")]
        otlp::answered(&tracing::Span::current(), status);
        let key = response.extensions_mut().remove::<KeyName>();
        let key = key.as_ref().map(|KeyName(key)| key.name());
        // Probes come every few seconds and say nothing when they succeed.
        if response.status().is_success() && route.ends_with('z') {
            tracing::debug!(method, route, status, milliseconds, key, "answered");
        } else {
            tracing::info!(method, route, status, milliseconds, key, "answered");
        }
        if let Some(context) = context {
            response.extensions_mut().insert(context);
        }
        response
    }
    .instrument(span)
    .await
}

/// The method; a client may make up any, and a label for each would take memory for good.
fn method(request: &Request) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "PATCH", "TRACE"];
    KNOWN.into_iter().find(|known| request.method() == *known).unwrap_or("other")
}
