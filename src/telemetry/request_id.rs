//! Every request has an id: the client's `X-Request-Id` where it is a harmless token, else a fresh UUID. It is echoed in
//! the response, in problem documents and in the log.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id: 1 to 64 letters, digits, `.`, `_` or `-`.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

impl RequestId {
    fn of(request: &Request) -> Self {
        let harmless = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=64).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
        };
        let fresh =
            || HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()).expect("a UUID is a valid header value");
        Self(request.headers().get(&HEADER).filter(harmless).cloned().unwrap_or_else(fresh))
    }
}

/// Middleware that gives the request its id and echoes it.
pub(crate) async fn assign(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(HEADER.clone(), id.0);
    response
}
