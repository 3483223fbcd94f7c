//! Which pages of other origins may use the service from a browser.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access::Origin;

/// Lets pages of these origins use the service; without any, browsers let none. Keys are no cookies: a page has to have one of its
/// own, so that even where any page is let in none can use a visitor's.
pub(crate) fn layer(origins: &[Origin]) -> Option<CorsLayer> {
    let own = ["x-api-key", "x-request-id", "traceparent"].map(HeaderName::from_static);
    let exposed = ["x-request-id", "traceresponse", "clearshot-receipt", "retry-after"].map(HeaderName::from_static);
    let allowed = [header::CONTENT_TYPE, header::AUTHORIZATION].into_iter().chain(own);
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(who(origins))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(allowed.collect::<Vec<_>>())
            .expose_headers(exposed)
            .max_age(Duration::from_secs(3600))
    })
}

fn who(origins: &[Origin]) -> AllowOrigin {
    let exact = |origin: &Origin| match origin {
        Origin::Any => None,
        Origin::Exact(origin) => Some(origin.clone()),
    };
    origins.iter().map(exact).collect::<Option<Vec<HeaderValue>>>().map_or_else(AllowOrigin::any, AllowOrigin::list)
}
