//! `POST /correct`: the photo straightened and well exposed, with a receipt of what was done to it.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use clearshot_core::assessment::{Assessment, prepare};
use clearshot_core::ingest::{self, Format, Limits, Original};
use clearshot_core::rounding::thousandths;
use clearshot_core::scoring::verdict::{Scores, Verdict};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageResult, RgbImage};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::assess::Assessor;
use super::problem::ProblemDocument;
use super::score::{ImageBytes, ScoreForm, admit, default_profile, parsed, profile};
use super::upload;
use crate::app::App;
use crate::correct::{Plan, shift_value, straighten};
use crate::error::ApiError;
use crate::telemetry::metrics::Passage;
use crate::telemetry::request_id::RequestId;

static RECEIPT: HeaderName = HeaderName::from_static("clearshot-receipt");

/// Query of `POST /correct`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CorrectQuery {
    /// Profile that says how blurred a photo may be to be worth correcting, see `/profiles`.
    #[serde(default = "default_profile")]
    #[param(default = "default", example = "real-estate")]
    profile: String,
    /// Format of the corrected photo; default: that of the upload, and JPEG for one in GIF or BMP. WebP is lossless.
    #[param(inline, required = false)]
    format: Option<OutputFormat>,
    /// Quality of a JPEG.
    #[serde(default = "default_quality")]
    #[param(default = 90, minimum = 1, maximum = 100)]
    quality: u8,
}

fn default_quality() -> u8 {
    90
}

/// A format that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutputFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// Lossless WebP.
    Webp,
}

/// What was done to a photo: JSON in the header `Clearshot-Receipt`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Names the request in the server's log.
    #[schema(example = "0b8f6a5e-6d0c-4a57-9f0e-0b6b7f5b8a11")]
    pub request_id: String,
    /// Degrees by which the photo was turned, clockwise positive.
    #[schema(example = -4.2)]
    pub rotation: f32,
    /// Share of the frame's area that is left after straightening.
    #[schema(example = 0.82)]
    pub kept: f32,
    /// Shift of the mean of V.
    #[schema(example = 0.12)]
    pub v_shift: f32,
    /// Width of the corrected photo.
    #[schema(example = 3650)]
    pub width: u32,
    /// Height of the corrected photo.
    #[schema(example = 2738)]
    pub height: u32,
    /// Scores of the upload.
    pub before: Values,
    /// Scores of the corrected photo, decoded and scored like an upload.
    pub after: Values,
}

/// Calibrated values.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Values {
    /// Blur in px.
    #[schema(example = 0.4)]
    pub blur: f32,
    /// Brightness in V.
    #[schema(example = -0.12)]
    pub brightness: f32,
    /// Rotation in degrees.
    #[schema(example = 4.2)]
    pub rotation: f32,
}

impl From<&Scores> for Values {
    fn from(scores: &Scores) -> Self {
        let Scores { blur, brightness, rotation, .. } = scores;
        Self { blur: blur.value, brightness: brightness.value, rotation: rotation.value }
    }
}

/// Correct a photo
///
/// Straightens it (turned, then cut to the largest frame of the same shape) and corrects its brightness (a curve that rolls
/// highlights off), as far as the scores are certain. The ICC profile is kept; EXIF, GPS with it, is dropped. What was done
/// stands in the header `Clearshot-Receipt`, a JSON object of the schema `Receipt`. Send the image as for `/score`.
#[utoipa::path(
    post,
    path = "/correct",
    operation_id = "correct",
    tag = "correcting",
    params(CorrectQuery),
    request_body(content(
        (inline(ImageBytes) = "application/octet-stream"),
        (ScoreForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "The corrected photo", headers(
            ("Clearshot-Receipt" = String, description = "What was done: JSON of the schema `Receipt`")),
            content((inline(ImageBytes) = "image/jpeg"), (inline(ImageBytes) = "image/png"), (inline(ImageBytes) = "image/webp"))),
        (status = 400, description = "`empty_body`, `broken_body`, `bad_multipart`, `bad_query` or `unknown_profile`",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "`upload_too_slow`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "`nothing_to_correct` or `not_correctable`", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_format`", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 422, description = "`undecodable_image`, `image_too_large` or `image_too_small`", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 503, description = "`overloaded` or `draining`, with `Retry-After`", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 504, description = "`deadline_exceeded`", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn correct(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    query: Result<Query<CorrectQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let deadline = Instant::now() + app.deadline;
    let wanted = parsed(query).and_then(|query: CorrectQuery| {
        if !(1..=100).contains(&query.quality) {
            return Err(ApiError::BadQuery("`quality` must lie between 1 and 100.".to_owned()));
        }
        Ok((profile(&app, &query.profile)?, query))
    });
    let (request, assessor, query, _in_flight) = admit(&app, request, wanted).await?;
    let mut passage = app.metrics.follow();
    let work = async {
        let bytes = upload::read(request, &app.upload_limits).await?;
        correct_upload(&assessor, bytes, &query, deadline, &mut passage).await
    };
    let corrected = tokio::time::timeout_at(deadline.into(), work).await;
    passage.end();
    let (corrected, mut receipt) = corrected.unwrap_or(Err(ApiError::DeadlineExceeded))?;
    receipt.request_id = request_id.to_string();
    let receipt = serde_json::to_string(&receipt).ok().and_then(|json| HeaderValue::from_str(&json).ok());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(corrected.content_type)),
        (RECEIPT.clone(), receipt.ok_or(ApiError::Internal)?),
    ];
    Ok((headers, corrected.bytes).into_response())
}

/// An encoded photo.
struct Encoded {
    content_type: &'static str,
    bytes: Bytes,
}

async fn correct_upload(
    assessor: &Assessor,
    bytes: Bytes,
    query: &CorrectQuery,
    deadline: Instant,
    passage: &mut Passage<'_>,
) -> Result<(Encoded, Receipt), ApiError> {
    let before = assessor.assess(bytes.clone(), deadline, passage).await?;
    let plan = plan(&before)?;
    let limits = assessor.app.limits;
    let quality = query.quality;
    let format = query.format.unwrap_or(match before.image.format {
        Format::Png => OutputFormat::Png,
        Format::Webp => OutputFormat::Webp,
        Format::Jpeg | Format::Gif | Format::Bmp => OutputFormat::Jpeg,
    });
    let limits_of_original =
        Limits { max_pixels: limits.max_pixels.min(assessor.app.upload_limits.max_correct_pixels), ..limits };
    let models = Arc::clone(assessor.engine.models());
    let (encoded, change, prepared) = assessor
        .decode(passage, move || {
            let original = ingest::decode_original(&bytes, &limits_of_original)?;
            let (encoded, change) = apply(original, plan, format, quality)?;
            let prepared = prepare(&encoded.bytes, &limits, models.views(), false)?;
            Ok((encoded, change, prepared))
        })
        .await?;
    let after = assessor.judge(prepared, deadline).await?;
    let (before, after_values) = (Values::from(&before.scores), Values::from(&after.scores));
    let worse = |planned: bool, before: f32, after: f32| planned && after.abs() >= before.abs();
    if worse(plan.rotation.is_some(), before.rotation, after_values.rotation)
        || worse(plan.value_shift.is_some(), before.brightness, after_values.brightness)
    {
        return Err(ApiError::NotCorrectable("The correction did not make the photo better.".to_owned()));
    }
    let (rotation, kept, v_shift) = change;
    let receipt = Receipt {
        request_id: String::new(),
        rotation: thousandths(rotation),
        kept: thousandths(kept),
        v_shift: thousandths(v_shift),
        width: after.image.width,
        height: after.image.height,
        before,
        after: after_values,
    };
    Ok((encoded, receipt))
}

/// What can be done for a photo.
fn plan(found: &Assessment) -> Result<Plan, ApiError> {
    if found.reasons.iter().any(|reason| reason.code == "blurred") {
        let detail = "The photo is blurred beyond the profile's threshold; take it again.";
        return Err(ApiError::NotCorrectable(detail.to_owned()));
    }
    Plan::of(&found.scores).ok_or_else(|| {
        if found.verdict == Verdict::Pass {
            ApiError::NothingToCorrect("The photo is upright and well exposed.".to_owned())
        } else {
            let detail = "The photo may be tilted or badly exposed, but not certainly enough to change it.";
            ApiError::NotCorrectable(detail.to_owned())
        }
    })
}

/// Corrects and encodes; returns the degrees turned, the share kept and the shift of V with it.
fn apply(
    original: Original,
    plan: Plan,
    format: OutputFormat,
    quality: u8,
) -> Result<(Encoded, (f32, f32, f32)), ApiError> {
    let Original { photo, icc_profile } = original;
    let rotation = plan.rotation.unwrap_or(0.0);
    let (pixels, kept) =
        if plan.rotation.is_some() { straighten(&photo.pixels, rotation) } else { (photo.pixels, 1.0) };
    let (pixels, shift) = match plan.value_shift {
        Some(shift) => shift_value(pixels, shift),
        None => (pixels, 0.0),
    };
    let encoded = encode(&pixels, icc_profile, format, quality).map_err(|error| {
        tracing::error!(%error, "a corrected photo could not be encoded");
        ApiError::Internal
    })?;
    Ok((encoded, (rotation, kept, shift)))
}

fn encode(pixels: &RgbImage, icc_profile: Option<Vec<u8>>, format: OutputFormat, quality: u8) -> ImageResult<Encoded> {
    fn write(mut encoder: impl ImageEncoder, pixels: &RgbImage, icc_profile: Option<Vec<u8>>) -> ImageResult<()> {
        if let Some(profile) = icc_profile {
            // Each of the three encoders has a place for it.
            encoder.set_icc_profile(profile).map_err(image::ImageError::Unsupported)?;
        }
        encoder.write_image(pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)
    }
    let mut bytes = Vec::new();
    let content_type = match format {
        OutputFormat::Jpeg => {
            write(JpegEncoder::new_with_quality(&mut bytes, quality), pixels, icc_profile)?;
            "image/jpeg"
        }
        OutputFormat::Png => {
            write(PngEncoder::new(&mut bytes), pixels, icc_profile)?;
            "image/png"
        }
        OutputFormat::Webp => {
            write(WebPEncoder::new_lossless(&mut bytes), pixels, icc_profile)?;
            "image/webp"
        }
    };
    Ok(Encoded { content_type, bytes: bytes.into() })
}
