//! Problem documents: every error of every route, 404 and 405 included, as RFC 9457 `application/problem+json`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::telemetry::request_id::RequestId;

/// What went wrong (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Identifies the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:clearshot:problem:undecodable_image")]
    pub kind: String,
    /// The kind in words.
    #[schema(example = "Image cannot be decoded")]
    pub title: String,
    /// HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What went wrong this time.
    #[schema(example = "the JPEG image cannot be decoded: the file ends before the image does.")]
    pub detail: String,
    /// The kind, for machines.
    #[schema(example = "undecodable_image")]
    pub code: String,
    /// Names the request in the server's log.
    #[schema(example = "0b8f6a5e-6d0c-4a57-9f0e-0b6b7f5b8a11")]
    pub request_id: String,
}

impl ProblemDocument {
    /// The document of an error.
    #[must_use]
    pub fn new(error: &ApiError, request_id: String) -> Self {
        let problem = error.problem();
        Self {
            kind: format!("urn:clearshot:problem:{}", problem.code),
            title: problem.title.to_owned(),
            status: problem.status.as_u16(),
            detail: error.to_string(),
            code: problem.code.to_owned(),
            request_id,
        }
    }
}

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
