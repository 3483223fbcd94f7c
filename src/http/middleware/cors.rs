//! Which pages of other origins may use the service from a browser.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

/// Lets pages of these origins use the service; without any, browsers let none.
pub(crate) fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let own = ["x-api-key", "x-request-id", "traceparent"].map(HeaderName::from_static);
    let exposed = ["x-request-id", "traceresponse", "clearshot-receipt", "retry-after"].map(HeaderName::from_static);
    let allowed = [header::CONTENT_TYPE, header::AUTHORIZATION].into_iter().chain(own);
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins.to_vec())
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(allowed.collect::<Vec<_>>())
            .expose_headers(exposed)
            .max_age(Duration::from_secs(3600))
    })
}
