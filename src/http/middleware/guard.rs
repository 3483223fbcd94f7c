//! The gate before every route that costs something: a request needs a key, where the service has keys, and what is left of the
//! key's allowance. It is passed or refused before a byte of its body is read.

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
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(keys) = app.keys() else { return next.run(request).await };
    let key = presented(request.headers()).and_then(|key| keys.find(key));
    let admitted = match &key {
        None => Err(ApiError::Unauthorized),
        Some(key) => key.spend().map_err(|wait| ApiError::RateLimited { wait }),
    };
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => {
            upload::discard(request).await;
            error.into_response()
        }
    };
    if let Some(key) = key {
        app.metrics.key_used(key.name());
        response.extensions_mut().insert(KeyName(key));
    }
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
