//! The OpenAPI document, from the code.

use utoipa::OpenApi;

use crate::router;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Clearshot",
        description = "Scores photos for blur, brightness and tilt, in physical units with honest intervals.",
        license(name = "MIT", identifier = "MIT")
    ),
    tags(
        (name = "scoring", description = "Scoring photos"),
        (name = "correcting", description = "Mending photos"),
        (name = "models", description = "The models in use"),
        (name = "health", description = "Probes"),
        (name = "meta", description = "This document")
    )
)]
struct Info;

/// Title, description and tags; routes add the rest.
pub(crate) fn info() -> utoipa::openapi::OpenApi {
    Info::openapi()
}

/// The document as JSON, ending with a newline.
#[must_use]
pub fn document() -> String {
    let document = router::documented().into_openapi();
    let mut json = document.to_pretty_json().expect("the document's types serialise");
    json.push('\n');
    json
}
