//! `GET /openapi.json`: the document from which clients are generated.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;

/// Written once: it never changes while the service runs.
static DOCUMENT: LazyLock<String> = LazyLock::new(crate::openapi::document);

/// The OpenAPI document of this API
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "meta",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json")))]
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
