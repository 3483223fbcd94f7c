//! Problem documents (RFC 9457), and what each route may answer with in the API's document: both from `error`'s table.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::error::{ApiError, Problem};

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

/// States which problems a route may answer with, as a type for the `responses` of `utoipa::path`. A test asks the running
/// service for each of them, and every test that meets another fails.
macro_rules! may_answer {
    ($route:ident: $($problem:ident),+) => {
        pub(crate) struct $route;

        impl utoipa::IntoResponses for $route {
            fn responses()
            -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::http::problem::responses(&[$(&$crate::error::$problem),+])
            }
        }
    };
}
pub(crate) use may_answer;

/// The responses that carry these problems, by status.
pub(crate) fn responses(problems: &[&Problem]) -> BTreeMap<String, RefOr<Response>> {
    let mut codes: BTreeMap<StatusCode, Vec<String>> = BTreeMap::new();
    for problem in problems {
        codes.entry(problem.status).or_default().push(format!("`{}`", problem.code));
    }
    codes.into_iter().map(|(status, codes)| (status.as_str().to_owned(), response(status, &codes).into())).collect()
}

fn response(status: StatusCode, codes: &[String]) -> Response {
    let mut description = match codes {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        codes => codes.concat(),
    };
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        description += ", with `Retry-After`";
    }
    let document = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", document).build()
}
