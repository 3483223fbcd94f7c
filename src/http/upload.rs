//! Reading an upload: the image as the raw body or as the part `image` of a multipart form, within the size limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use futures_util::stream;
use http_body_util::BodyExt;
use tokio::time::timeout_at;

use crate::error::ApiError;
use crate::ingest::Limits;

/// Reads the image's bytes.
///
/// # Errors
/// [`ApiError`]: the body is empty, too large or broken, or the form is malformed.
pub async fn read(request: Request, limits: &Limits) -> Result<Bytes, ApiError> {
    let limit = limits.max_body_bytes;
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // Refused before a byte is read. A form's frame around the image is counted with it.
    if declared.is_some_and(|length| length > limit as u64) {
        discard(request).await;
        return Err(ApiError::BodyTooLarge { limit });
    }
    let (request, slow) = paced(request, limits.min_upload_rate);
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/form-data"));
    let bytes = if is_form { read_form(request, limit).await } else { read_raw(request, limit, declared).await };
    match bytes {
        Err(_) if slow.load(Ordering::Relaxed) => {
            Err(ApiError::UploadTooSlow { bytes_per_second: limits.min_upload_rate })
        }
        Ok(bytes) if bytes.is_empty() => Err(ApiError::EmptyBody),
        bytes => bytes,
    }
}

/// The request with a body that breaks off, and says so by the flag, when it falls behind `bytes_per_second` on average.
fn paced(request: Request, bytes_per_second: u32) -> (Request, Arc<AtomicBool>) {
    const GRACE: Duration = Duration::from_secs(3);
    let slow = Arc::new(AtomicBool::new(false));
    if bytes_per_second == 0 {
        return (request, slow);
    }
    let started = Instant::now();
    let flag = Arc::clone(&slow);
    let request = request.map(|body| {
        Body::from_stream(stream::unfold((body, 0usize, flag), move |(mut body, seen, flag)| async move {
            let until = started + GRACE + Duration::from_secs(seen as u64) / bytes_per_second;
            match timeout_at(until.into(), body.frame()).await {
                Err(_) => {
                    flag.store(true, Ordering::Relaxed);
                    Some((
                        Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut))),
                        (body, seen, flag),
                    ))
                }
                Ok(None) => None,
                Ok(Some(Err(error))) => Some((Err(error), (body, seen, flag))),
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    let seen = seen + data.len();
                    Some((Ok(data), (body, seen, flag)))
                }
            }
        }))
    });
    (request, slow)
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

/// Collects the body in one buffer of the declared size: with frames that are put together at the end, an upload would take
/// its size twice.
async fn read_raw(request: Request, limit: usize, declared: Option<u64>) -> Result<Bytes, ApiError> {
    let mut body = request.into_body();
    let expected = declared.map_or(0, |length| usize::try_from(length).unwrap_or(limit));
    let mut bytes = Vec::with_capacity(expected.min(limit));
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|_| ApiError::BrokenBody)?.into_data().unwrap_or_default();
        if bytes.len() + data.len() > limit {
            return Err(ApiError::BodyTooLarge { limit });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
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
