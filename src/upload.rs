//! Reading an upload: the image as the raw body or as the part `image` of a multipart form, within the size limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use clap::Args;
use futures_util::stream;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout_at;

use crate::error::ApiError;

/// Caps on request bodies.
#[derive(Clone, Copy, Debug, Args)]
pub struct UploadLimits {
    /// Largest request body in bytes.
    #[arg(long, env = "CLEARSHOT_MAX_BODY_BYTES", default_value_t = UploadLimits::default().max_body_bytes)]
    pub max_body_bytes: usize,
    /// Most images in one form of /score/batch.
    #[arg(long, env = "CLEARSHOT_MAX_IMAGES", default_value_t = UploadLimits::default().max_images)]
    pub max_images: usize,
    /// Largest form of /score/batch in bytes; each image in it has to keep to --max-body-bytes, too.
    #[arg(long, env = "CLEARSHOT_MAX_FORM_BYTES", default_value_t = UploadLimits::default().max_form_bytes)]
    pub max_form_bytes: usize,
    /// Largest image in pixels that /correct takes: it holds all pixels of a photo, several times.
    #[arg(long, env = "CLEARSHOT_MAX_CORRECT_PIXELS", default_value_t = UploadLimits::default().max_correct_pixels)]
    pub max_correct_pixels: u64,
    /// Slowest upload in bytes a second, on average after the first three seconds; 0 for no limit. A client that sends a byte
    /// now and then would hold a place of --max-in-flight until the deadline.
    #[arg(long, env = "CLEARSHOT_MIN_UPLOAD_RATE", default_value_t = UploadLimits::default().min_upload_rate)]
    pub min_upload_rate: u32,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            max_images: 50,
            max_form_bytes: 256 << 20,
            max_correct_pixels: 25_000_000,
            min_upload_rate: 8 << 10,
        }
    }
}

/// Reads the image's bytes.
///
/// # Errors
/// [`ApiError`]: the body is empty, too large or broken, or the form is malformed.
pub async fn read(request: Request, limits: &UploadLimits) -> Result<Bytes, ApiError> {
    let limit = limits.max_body_bytes;
    let (request, declared) = declared_within(request, limit).await?;
    let (request, slow) = paced(request, limits.min_upload_rate);
    let bytes =
        if is_form(&request) { read_form(request, limit).await } else { read_raw(request, limit, declared).await };
    match unless_slow(bytes, &slow, limits) {
        Ok(bytes) if bytes.is_empty() => Err(ApiError::EmptyBody),
        bytes => bytes,
    }
}

/// A body that was cut off for being slow fails as a broken one; this tells the client the true reason.
fn unless_slow<T>(read: Result<T, ApiError>, slow: &AtomicBool, limits: &UploadLimits) -> Result<T, ApiError> {
    match read {
        Err(_) if slow.load(Ordering::Relaxed) => {
            Err(ApiError::UploadTooSlow { bytes_per_second: limits.min_upload_rate })
        }
        read => read,
    }
}

/// An image of a form of many.
pub(crate) struct NamedImage {
    /// Position among the parts named `image`, from 0.
    pub(crate) index: usize,
    /// File name of the part.
    pub(crate) name: Option<String>,
    /// What it holds; an image beyond its own limit is an error of its own.
    pub(crate) bytes: Result<Bytes, ApiError>,
}

/// The images of a form, read one after the other.
pub(crate) struct Images {
    form: Multipart,
    seen: usize,
    limits: UploadLimits,
    slow: Arc<AtomicBool>,
}

impl Images {
    /// Begins to read a form.
    pub(crate) async fn open(request: Request, limits: &UploadLimits) -> Result<Self, ApiError> {
        let (request, _) = declared_within(request, limits.max_form_bytes).await?;
        let (request, slow) = paced(request, limits.min_upload_rate);
        let form = Multipart::from_request(request, &()).await.map_err(|error| malformed(&error.body_text()))?;
        Ok(Self { form, seen: 0, limits: *limits, slow })
    }

    /// The next image; none at the form's end, which must not come before the first.
    pub(crate) async fn next(&mut self) -> Result<Option<NamedImage>, ApiError> {
        let next = self.read_next().await;
        unless_slow(next, &self.slow, &self.limits)
    }

    async fn read_next(&mut self) -> Result<Option<NamedImage>, ApiError> {
        let broken = |limit: usize| move |error: MultipartError| broken_form(&error, limit);
        let whole = broken(self.limits.max_form_bytes);
        while let Some(mut field) = self.form.next_field().await.map_err(whole)? {
            if field.name() != Some("image") {
                continue;
            }
            if self.seen == self.limits.max_images {
                return Err(ApiError::TooManyImages { limit: self.limits.max_images });
            }
            let index = self.seen;
            self.seen += 1;
            let name = field.file_name().map(str::to_owned);
            let limit = self.limits.max_body_bytes;
            let mut bytes = Vec::new();
            let mut too_large = false;
            while let Some(chunk) = field.chunk().await.map_err(whole)? {
                too_large |= bytes.len() + chunk.len() > limit;
                if too_large {
                    bytes = Vec::new();
                } else {
                    bytes.extend_from_slice(&chunk);
                }
            }
            let bytes = match bytes {
                _ if too_large => Err(ApiError::BodyTooLarge { limit }),
                bytes if bytes.is_empty() => Err(ApiError::EmptyBody),
                bytes => Ok(bytes.into()),
            };
            return Ok(Some(NamedImage { index, name, bytes }));
        }
        if self.seen == 0 { Err(without_image()) } else { Ok(None) }
    }
}

fn is_form(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// The declared length of a body, which is refused before a byte is read where it is beyond the limit. A form's frame around
/// the image is counted with it.
async fn declared_within(request: Request, limit: usize) -> Result<(Request, Option<u64>), ApiError> {
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        discard(request).await;
        return Err(ApiError::BodyTooLarge { limit });
    }
    // An undeclared length is found while reading.
    Ok((request.map(|body| Body::new(Limited::new(body, limit))), declared))
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
pub(crate) async fn discard(request: Request) {
    const MOST: usize = 8 << 20;
    let expects = request.headers().get(header::EXPECT);
    if expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        // It waits with its body for the answer, and reading would ask it to go on (RFC 9110, section 10.1.1).
        return;
    }
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
        let data = frame.map_err(|error| broken_body(&error, limit))?.into_data().unwrap_or_default();
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

/// A body that ended early, or went on beyond the limit.
fn broken_body(error: &axum::Error, limit: usize) -> ApiError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return ApiError::BodyTooLarge { limit };
        }
        cause = error.source();
    }
    ApiError::BrokenBody
}

async fn read_form(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let broken = |error: MultipartError| broken_form(&error, limit);
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| malformed(&error.body_text()))?;
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
    image.ok_or_else(without_image)
}

fn broken_form(error: &MultipartError, limit: usize) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge { limit },
        _ => malformed(&error.body_text()),
    }
}

fn malformed(reason: &str) -> ApiError {
    ApiError::BadMultipart(format!("The multipart body is malformed: {reason}."))
}

fn without_image() -> ApiError {
    ApiError::BadMultipart("The form has no part named `image`.".into())
}
