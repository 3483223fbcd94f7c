//! Every request has an id: the client's `X-Request-Id` where it is a harmless name, else a fresh UUID. It is echoed in
//! the response, in problem documents and in the log.

use std::fmt;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use clearshot_core::name::Name;

static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id.
#[derive(Clone, Debug)]
pub struct RequestId(Name);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl RequestId {
    fn of(request: &Request) -> Self {
        let sent = request.headers().get(&HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
        let fresh =
            || uuid::Uuid::new_v4().to_string().parse().expect("a UUID is 36 digits and hyphens, which is a name");
        Self(sent.unwrap_or_else(fresh))
    }
}

/// Middleware that gives the request its id and echoes it.
pub(crate) async fn assign(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    // Every name is a valid header value.
    if let Ok(value) = HeaderValue::from_str(id.0.as_str()) {
        response.headers_mut().insert(HEADER.clone(), value);
    }
    response
}
