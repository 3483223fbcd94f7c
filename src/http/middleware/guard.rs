//! The gate before every route that costs something: a request needs a key, where the service has keys. It is passed or refused
//! before a byte of its body is read. What the key allows is `admit`'s.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::Key;
use crate::app::App;
use crate::error::ApiError;
use crate::upload;

/// Name of the key that a request came with, for the log.
#[derive(Clone)]
pub(crate) struct KeyName(pub(crate) Arc<Key>);

/// Middleware that checks the key.
pub(crate) async fn check(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let Some(keys) = app.keys() else { return next.run(request).await };
    let key = presented(request.headers()).and_then(|key| keys.find(key));
    let Some(key) = key else {
        upload::discard(request).await;
        return ApiError::Unauthorized.into_response();
    };
    request.extensions_mut().insert(Arc::clone(&key));
    let mut response = next.run(request).await;
    app.metrics.key_used(key.name());
    response.extensions_mut().insert(KeyName(key));
    response
}

/// The key in `Authorization: Bearer` (RFC 6750) or `X-Api-Key`.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
    });
    bearer.or_else(|| headers.get("x-api-key").map(|value| value.as_bytes()))
}
