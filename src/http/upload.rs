//! Reading an upload: the image as the raw body or as the part `image` of a multipart form, within the size limit.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::BodyExt;

use crate::error::ApiError;

/// Reads the image's bytes.
///
/// # Errors
/// [`ApiError`]: the body is empty, too large or broken, or the form is malformed.
pub(super) async fn read(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // Refused before a byte is read. A form's frame around the image is counted with it.
    if declared.is_some_and(|length| length > limit as u64) {
        discard(request).await;
        return Err(ApiError::BodyTooLarge { limit });
    }
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/form-data"));
    let bytes = if is_form { read_form(request, limit).await? } else { read_raw(request, limit).await? };
    if bytes.is_empty() { Err(ApiError::EmptyBody) } else { Ok(bytes) }
}

/// Reads and drops what a refused client is still sending, within bounds: a connection that is closed under a sender
/// shows it a broken pipe instead of the answer (RFC 9112, section 9.6).
pub(super) async fn discard(request: Request) {
    const MOST: usize = 8 << 20;
    let mut body = request.into_body();
    let drained = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > MOST {
                break;
            }
        }
    };
    // Too slow is as good as done: the answer goes out either way.
    let _ = tokio::time::timeout(Duration::from_secs(1), drained).await;
}

async fn read_raw(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    // The router's default body limit is this same limit.
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::BodyTooLarge { limit }
        } else {
            ApiError::BrokenBody
        }
    })
}

async fn read_form(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let broken = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge { limit },
        _ => ApiError::BadMultipart(format!("The multipart body is malformed: {}.", error.body_text())),
    };
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| ApiError::BadMultipart(format!("The multipart body is malformed: {}.", error.body_text())))?;
    let mut image = None;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() != Some("image") {
            continue;
        }
        if image.is_some() {
            return Err(ApiError::BadMultipart("The form has more than one part named `image`.".into()));
        }
        image = Some(field.bytes().await.map_err(broken)?);
    }
    image.ok_or_else(|| ApiError::BadMultipart("The form has no part named `image`.".into()))
}
