//! Errors at the HTTP border.
//!
//! Handlers return [`ApiError`]; each inner error (ingest, engine, multipart) is mapped to it here and nowhere else. It is
//! rendered as an RFC 9457 problem document by `http::middleware::problem`, which knows the request's id.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clearshot_core::assessment::PrepareError;
use clearshot_core::batch::RunError;
use clearshot_core::ingest::IngestError;

use crate::engine::EngineError;

/// Everything a client can be told to have gone wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// Nothing was sent.
    #[error("There are no bytes: send an image, as the body or as the part `image` of a form.")]
    EmptyBody,
    /// The multipart body is malformed or lacks its part.
    #[error("{0}")]
    BadMultipart(String),
    /// The JSON body is malformed or lacks its image.
    #[error("{0}")]
    BadJson(String),
    /// An image in JSON is no base64.
    #[error("{0}")]
    BadBase64(String),
    /// The source that the request names is none that the service may fetch from.
    #[error("{0}")]
    SourceNotAllowed(String),
    /// There is nothing at the source.
    #[error("There is no photo at the source.")]
    SourceNotFound,
    /// The source does not give the photo.
    #[error("The photo cannot be fetched from its source: {0}.")]
    SourceUnavailable(String),
    /// The query string cannot be read.
    #[error("{0}")]
    BadQuery(String),
    /// There is no such profile.
    #[error("There is no profile `{0}`; `/profiles` lists them.")]
    UnknownProfile(String),
    /// The service has keys and the request came with none of them.
    #[error("An API key is needed: `Authorization: Bearer KEY` or `X-Api-Key: KEY`.")]
    Unauthorized,
    /// The key's allowance is used up.
    #[error("The key's photos are used up for now; try again in {} s.", whole_seconds(*wait))]
    RateLimited {
        /// Time until what was asked for is allowed.
        wait: Duration,
    },
    /// The key has as many requests under way as it may have.
    #[error("The key has {limit} requests under way, and may not have more; try again when one is answered.")]
    TooManyAtOnce {
        /// The limit.
        limit: usize,
    },
    /// There is no such route.
    #[error("There is nothing at this path; the service's `/docs` describes those that there are.")]
    NotFound,
    /// The route does not know the method.
    #[error("This path does not take this method; the header `Allow` names those that it takes.")]
    MethodNotAllowed,
    /// The body is larger than the limit.
    #[error("The body is larger than {limit} bytes.")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A form or JSON holds more images than the limit.
    #[error("The request has more than {limit} images.")]
    TooManyImages {
        /// The limit.
        limit: usize,
    },
    /// The photo needs no correction.
    #[error("{0}")]
    NothingToCorrect(String),
    /// A correction would not help the photo.
    #[error("{0}")]
    NotCorrectable(String),
    /// The upload is not an image that can be scored.
    #[error("{detail}")]
    Upload {
        /// Status, code and title of the problem.
        problem: &'static Problem,
        /// What is wrong with it.
        detail: String,
    },
    /// The client went away or sent a broken body.
    #[error("The body ended before it was complete.")]
    BrokenBody,
    /// The body came slower than the limit allows.
    #[error("The body came too slowly: at least {bytes_per_second} bytes a second are needed.")]
    UploadTooSlow {
        /// The limit in bytes per second.
        bytes_per_second: u32,
    },
    /// The body did not come in time.
    #[error("The upload took too long: it has to be complete after {} s of waiting for it.", within.as_secs_f32())]
    UploadTooLate {
        /// The time it has.
        within: Duration,
    },
    /// The upload took so much of the time that too little was left for scoring.
    #[error("The upload took {:.1} s of the {} s that a photo has; send it faster, or smaller.", took.as_secs_f32(), of.as_secs_f32())]
    UploadTookTheTime {
        /// What it took.
        took: Duration,
        /// The time from the request's first byte to its answer.
        of: Duration,
    },
    /// The body is compressed.
    #[error(
        "The body has a `Content-Encoding`: send the image's own bytes without one; photos are compressed already."
    )]
    UnsupportedEncoding,
    /// Too much is going on.
    #[error("The server is busy; try again later.")]
    Overloaded,
    /// The server is about to stop.
    #[error("The server is shutting down; try again later.")]
    Draining,
    /// The answer was not there in time.
    #[error("The deadline passed before the photo was read and scored.")]
    DeadlineExceeded,
    /// A fault of the server; what it was is in its log under the request's id.
    #[error("The server failed to answer; its log says why.")]
    Internal,
}

/// Status, machine-readable code and title of a kind of problem.
#[derive(Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Code: stable, for machines.
    pub code: &'static str,
    /// Title: short, for people, the same for every problem of the kind.
    pub title: &'static str,
}

macro_rules! problems {
    ($($name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        $(pub(crate) static $name: Problem = Problem { status: StatusCode::$status, code: $code, title: $title };)*
        /// Every kind of problem, for the API's documentation.
        pub static PROBLEMS: &[&Problem] = &[$(&$name),*];
    };
}

problems! {
    EMPTY_BODY = BAD_REQUEST, "empty_body", "Empty body";
    BAD_MULTIPART = BAD_REQUEST, "bad_multipart", "Malformed multipart body";
    BAD_JSON = BAD_REQUEST, "bad_json", "Malformed JSON body";
    BAD_BASE64 = BAD_REQUEST, "bad_base64", "Malformed base64";
    BAD_QUERY = BAD_REQUEST, "bad_query", "Malformed query";
    BROKEN_BODY = BAD_REQUEST, "broken_body", "Incomplete body";
    UNKNOWN_PROFILE = BAD_REQUEST, "unknown_profile", "Unknown profile";
    UNAUTHORIZED = UNAUTHORIZED, "unauthorized", "API key needed";
    SOURCE_NOT_ALLOWED = FORBIDDEN, "source_not_allowed", "Source not allowed";
    NOT_FOUND = NOT_FOUND, "not_found", "Not found";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed";
    UPLOAD_TOO_SLOW = REQUEST_TIMEOUT, "upload_too_slow", "Upload too slow";
    BODY_TOO_LARGE = PAYLOAD_TOO_LARGE, "body_too_large", "Body too large";
    TOO_MANY_IMAGES = PAYLOAD_TOO_LARGE, "too_many_images", "Too many images";
    NOTHING_TO_CORRECT = CONFLICT, "nothing_to_correct", "Nothing to correct";
    NOT_CORRECTABLE = CONFLICT, "not_correctable", "Not correctable";
    UNSUPPORTED_FORMAT = UNSUPPORTED_MEDIA_TYPE, "unsupported_format", "Unsupported image format";
    UNSUPPORTED_ENCODING = UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", "Unsupported content encoding";
    UNDECODABLE_IMAGE = UNPROCESSABLE_ENTITY, "undecodable_image", "Image cannot be decoded";
    IMAGE_TOO_LARGE = UNPROCESSABLE_ENTITY, "image_too_large", "Image too large";
    IMAGE_TOO_SMALL = UNPROCESSABLE_ENTITY, "image_too_small", "Image too small";
    SOURCE_NOT_FOUND = UNPROCESSABLE_ENTITY, "source_not_found", "Source not found";
    RATE_LIMITED = TOO_MANY_REQUESTS, "rate_limited", "Too many requests";
    SOURCE_UNAVAILABLE = BAD_GATEWAY, "source_unavailable", "Source unavailable";
    OVERLOADED = SERVICE_UNAVAILABLE, "overloaded", "Overloaded";
    DRAINING = SERVICE_UNAVAILABLE, "draining", "Shutting down";
    DEADLINE_EXCEEDED = GATEWAY_TIMEOUT, "deadline_exceeded", "Deadline exceeded";
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "Internal error";
}

impl ApiError {
    /// The kind of problem.
    #[must_use]
    pub fn problem(&self) -> &'static Problem {
        match self {
            Self::EmptyBody => &EMPTY_BODY,
            Self::BadMultipart(_) => &BAD_MULTIPART,
            Self::BadJson(_) => &BAD_JSON,
            Self::BadBase64(_) => &BAD_BASE64,
            Self::SourceNotAllowed(_) => &SOURCE_NOT_ALLOWED,
            Self::SourceNotFound => &SOURCE_NOT_FOUND,
            Self::SourceUnavailable(_) => &SOURCE_UNAVAILABLE,
            Self::BadQuery(_) => &BAD_QUERY,
            Self::UnknownProfile(_) => &UNKNOWN_PROFILE,
            Self::Unauthorized => &UNAUTHORIZED,
            Self::RateLimited { .. } | Self::TooManyAtOnce { .. } => &RATE_LIMITED,
            Self::NotFound => &NOT_FOUND,
            Self::MethodNotAllowed => &METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } => &BODY_TOO_LARGE,
            Self::TooManyImages { .. } => &TOO_MANY_IMAGES,
            Self::NothingToCorrect(_) => &NOTHING_TO_CORRECT,
            Self::NotCorrectable(_) => &NOT_CORRECTABLE,
            Self::Upload { problem, .. } => problem,
            Self::BrokenBody => &BROKEN_BODY,
            Self::UploadTooSlow { .. } | Self::UploadTooLate { .. } | Self::UploadTookTheTime { .. } => {
                &UPLOAD_TOO_SLOW
            }
            Self::UnsupportedEncoding => &UNSUPPORTED_ENCODING,
            Self::Overloaded => &OVERLOADED,
            Self::Draining => &DRAINING,
            Self::DeadlineExceeded => &DEADLINE_EXCEEDED,
            Self::Internal => &INTERNAL,
        }
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        match &error {
            IngestError::Empty => Self::EmptyBody,
            IngestError::OutOfTime => Self::DeadlineExceeded,
            _ => {
                let problem = PROBLEMS.iter().find(|problem| problem.code == error.code());
                let problem = problem.expect("tests/problems.rs refuses an upload for each of these");
                // Some decoders end their words with a line break.
                Self::Upload { problem, detail: format!("{}.", error.to_string().trim_end()) }
            }
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Overloaded => Self::Overloaded,
            EngineError::DeadlineExceeded => Self::DeadlineExceeded,
            EngineError::Run(error) => error.into(),
            EngineError::Stopped => {
                tracing::error!(%error, "scoring failed");
                Self::Internal
            }
        }
    }
}

impl From<RunError> for ApiError {
    /// Whoever ran the model has logged what it was.
    fn from(_: RunError) -> Self {
        Self::Internal
    }
}

impl From<PrepareError> for ApiError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Ingest(error) => error.into(),
            PrepareError::Panicked => Self::Internal,
        }
    }
}

impl IntoResponse for ApiError {
    /// The status with the error as an extension; `http::middleware::problem` writes the document.
    fn into_response(self) -> Response {
        let mut response = self.problem().status.into_response();
        let header = match &self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::RateLimited { wait } => Some((header::RETRY_AFTER, HeaderValue::from(whole_seconds(*wait)))),
            Self::TooManyAtOnce { .. } | Self::Overloaded | Self::Draining => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            // Which codings would do (RFC 9110, section 15.5.16).
            Self::UnsupportedEncoding => Some((header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            _ => None,
        };
        response.headers_mut().extend(header);
        response.extensions_mut().insert(self);
        response
    }
}

/// What a client sent, short enough to be said to it again.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut quoted: String = text.chars().take(LONGEST).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}
