//! Finds a request's place in its distributed trace, see [`TraceContext`], and tells it to the caller.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::telemetry::trace_context::TraceContext;

static REQUEST: HeaderName = HeaderName::from_static("traceparent");
/// Of the W3C's level 2: tells the caller where its request went on.
static RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// Middleware that takes the context from `traceparent` and answers with `traceresponse`.
pub(crate) async fn follow(mut request: Request, next: Next) -> Response {
    let context = TraceContext::of(request.headers().get(&REQUEST).and_then(|value| value.to_str().ok()));
    request.extensions_mut().insert(context.clone());
    let mut response = next.run(request).await;
    // Tracing gives the span an id of its own where spans are exported.
    let TraceContext { trace_id, span_id, flags, .. } =
        response.extensions_mut().remove::<TraceContext>().unwrap_or(context);
    if let Ok(value) = HeaderValue::from_str(&format!("00-{trace_id}-{span_id}-{flags:02x}")) {
        response.headers_mut().insert(RESPONSE.clone(), value);
    }
    response
}
