//! Writes the problem document of every error of every route, 404 and 405 included.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::request_id::RequestId;
use crate::app::App;
use crate::error::ApiError;
use crate::http::problem::ProblemDocument;

/// Middleware that writes the document of a response that carries an [`ApiError`].
pub(crate) async fn render(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<ApiError>() else { return response };
    app.metrics.rejected(error.problem().code);
    let document = ProblemDocument::new(&error, request_id.map_or_else(String::new, |id| id.to_string()));
    let (mut parts, _) = response.into_parts();
    // The length of the empty body it had.
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    (parts, Json(document).into_response().into_body()).into_response()
}
