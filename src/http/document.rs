//! `GET /openapi.json`: the document from which clients are generated.

use axum::Extension;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;

/// The document's text, written once: it never changes while the service runs. Travels as an extension, because the router that
/// serves it is also what it is made from.
#[derive(Clone)]
pub(crate) struct DocumentText(pub(crate) Bytes);

/// The OpenAPI document of this API
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "meta",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json")))]
pub(crate) async fn openapi(Extension(DocumentText(text)): Extension<DocumentText>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text)
}
