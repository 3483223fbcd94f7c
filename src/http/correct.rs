//! `POST /correct`: the photo straightened and well exposed, with a receipt of what was done to it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use clearshot_core::area::Area;
use clearshot_core::assessment::{Assessment, prepare};
use clearshot_core::checks::{NOT_A_PHOTO, UPSCALE};
use clearshot_core::ingest::{Budget, Format, IngestError, Limits, Original, decode_original};
use clearshot_core::metric::Severity;
use clearshot_core::rounding::thousandths;
use clearshot_core::scoring::attempt::Attempt;
use clearshot_core::scoring::coverage::Coverage;
use clearshot_core::scoring::listing::rank;
use clearshot_core::scoring::orientation::{SIDEWAYS, UPSIDE_DOWN};
use clearshot_core::scoring::verdict::{Reason, Scores};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageResult, RgbImage};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::admit::{Admitted, ScoringQuery, default_profile};
use super::answer;
use super::assess::Assessor;
use super::deadline::Deadline;
use super::middleware::request_id::RequestId;
use super::problem::may_answer;
use super::score::{ImageBytes, ScoreForm};
use crate::access::Work;
use crate::budget::Reserved;
use crate::correct::{CorrectionPlan, Evidence, cut_out, set_upright, shift_value, straighten};
use crate::error::ApiError;
use crate::telemetry::metrics::Passage;
use crate::upload::ScoreJson;

/// Share of a photo that is left at least: turned by much, a wide one would be cut to a piece of what it shows.
const LEAST_KEPT: f32 = 1.0 / 3.0;

static RECEIPT: HeaderName = HeaderName::from_static("clearshot-receipt");

/// Query of `POST /correct`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CorrectQuery {
    /// Profile that says what is judged, how many faulty uploads are expected, and how blurred a photo may be to be worth correcting;
    /// see `/profiles`.
    #[serde(default = "default_profile")]
    #[param(default = "default", example = "real-estate")]
    profile: String,
    /// Format of the corrected photo; default: that of the upload, and JPEG for one in HEIC, AVIF, GIF or BMP. WebP is lossless.
    #[param(inline, required = false)]
    format: Option<OutputFormat>,
    /// What becomes of bars and frames around the photo: `drop` leaves them out, `keep` puts the corrected photo back into them.
    #[serde(default)]
    #[param(inline, required = false)]
    frame: FrameChoice,
    /// Quality of a JPEG.
    #[serde(default)]
    #[param(value_type = u8, default = 90, minimum = 1, maximum = 100, required = false)]
    quality: JpegQuality,
}

impl ScoringQuery for CorrectQuery {
    fn profile(&self) -> &str {
        &self.profile
    }

    /// What is corrected is decided by the models' own intervals, and a receipt has none.
    fn coverage(&self) -> Option<Coverage> {
        None
    }

    /// What can be corrected need not be taken again.
    fn attempt(&self) -> Option<Attempt> {
        None
    }

    fn work(&self) -> Work {
        Work::Correct
    }
}

/// What becomes of a frame around the photo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FrameChoice {
    /// It is left out.
    #[default]
    Drop,
    /// The corrected photo takes the place of the old one in it.
    Keep,
}

/// Quality of a JPEG, 1 to 100.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u8")]
struct JpegQuality(u8);

impl Default for JpegQuality {
    fn default() -> Self {
        Self(90)
    }
}

impl TryFrom<u8> for JpegQuality {
    type Error = &'static str;

    fn try_from(quality: u8) -> Result<Self, Self::Error> {
        if (1..=100).contains(&quality) { Ok(Self(quality)) } else { Err("it must lie between 1 and 100") }
    }
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

impl OutputFormat {
    const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::Webp];

    /// The format of a corrected photo where none is asked for.
    fn of(upload: Format) -> Self {
        match upload {
            Format::Png => Self::Png,
            Format::Webp => Self::Webp,
            Format::Jpeg | Format::Heic | Format::Avif | Format::Gif | Format::Bmp => Self::Jpeg,
        }
    }

    /// Its name in a query.
    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    /// Most pixels of a side: a JPEG has 16 bits for it (ITU-T T.81), a lossless WebP 14 for one less (RFC 9649).
    fn longest_side(self) -> u32 {
        match self {
            Self::Jpeg => 65_535,
            // It has 31 bits: `--max-correct-pixels` ends far below.
            Self::Png => u32::MAX,
            Self::Webp => 16_384,
        }
    }

    /// Checks that there is room for what comes of an upload of this size, which is no larger.
    fn check(self, (width, height): (u32, u32)) -> Result<(), ApiError> {
        let side = width.max(height);
        if side <= self.longest_side() {
            return Ok(());
        }
        let others = Self::ALL.into_iter().filter(|other| side <= other.longest_side());
        let others: Vec<String> = others.map(|other| format!("`format={}`", other.name())).collect();
        let (name, longest) = (self.name(), self.longest_side());
        let limit = format!("at most {longest} pixels a side with `format={name}`; ask for {}", others.join(" or "));
        Err(IngestError::TooLarge { width, height, limit }.into())
    }
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
    /// True where the upload's ICC profile was left out because it is larger than 4 MB.
    #[schema(example = false)]
    pub profile_dropped: bool,
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

may_answer!(CorrectProblems: EMPTY_BODY, BROKEN_BODY, BAD_MULTIPART, BAD_JSON, BAD_BASE64, SOURCE_NOT_ALLOWED, SOURCE_NOT_FOUND, SOURCE_UNAVAILABLE, BAD_QUERY, UNKNOWN_PROFILE, UPLOAD_TOO_SLOW,
    NOTHING_TO_CORRECT, NOT_CORRECTABLE, BODY_TOO_LARGE, UNSUPPORTED_FORMAT, UNSUPPORTED_ENCODING, UNDECODABLE_IMAGE,
    IMAGE_TOO_LARGE, IMAGE_TOO_SMALL, RATE_LIMITED, INTERNAL, OVERLOADED, DEADLINE_EXCEEDED);

/// Correct a photo
///
/// Straightens it (turned, then cut to the largest frame of the same shape) and corrects its brightness (a curve that rolls
/// highlights off), where that brings the true value nearer to zero with a probability of 0.8 and by a visible step on average; a result
/// that is no better by its scores, or worse in anything else, is not given out. What the profile does not judge is not changed. A photo
/// that is certainly `sideways` or `upside_down` is set upright, and may be sent again for its tilt. The
/// ICC profile is kept; EXIF, GPS with it, is dropped. What was done stands in the header `Clearshot-Receipt`, a JSON object of the
/// schema `Receipt`. Send the image as for `/score`.
#[utoipa::path(
    post,
    path = "/correct",
    operation_id = "correct",
    tag = "correcting",
    params(CorrectQuery),
    request_body(content(
        (inline(ImageBytes) = "application/octet-stream"),
        (ScoreForm = "multipart/form-data"),
        (ScoreJson = "application/json"),
    )),
    responses(
        (status = 200, description = "The corrected photo", headers(
            ("Clearshot-Receipt" = String, description = "What was done: JSON of the schema `Receipt`")),
            content((inline(ImageBytes) = "image/jpeg"), (inline(ImageBytes) = "image/png"), (inline(ImageBytes) = "image/webp"))),
        CorrectProblems,
    )
)]
pub(crate) async fn correct(
    Extension(request_id): Extension<RequestId>,
    admitted: Admitted<CorrectQuery>,
) -> Result<Response, ApiError> {
    let Admitted { query, assessor, deadline, request, place, payer: _ } = admitted;
    let passage = assessor.app.metrics.follow();
    let work = |bytes| correct_upload(&assessor, bytes, &query, deadline, &passage);
    let (corrected, mut receipt) = deadline.bound_photo(request, &assessor, &passage, work).await?;
    receipt.request_id = request_id.to_string();
    let receipt = serde_json::to_string(&receipt).ok().and_then(|json| HeaderValue::from_str(&json).ok());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(corrected.content_type)),
        (RECEIPT.clone(), receipt.ok_or(ApiError::Internal)?),
    ];
    Ok((headers, answer::body(place, corrected.bytes)).into_response())
}

/// An encoded photo.
struct Encoded {
    content_type: &'static str,
    /// They keep their room in the budget of all answers.
    bytes: Bytes,
}

async fn correct_upload(
    assessor: &Assessor,
    bytes: Bytes,
    query: &CorrectQuery,
    deadline: Deadline,
    passage: &Passage,
) -> Result<(Encoded, Receipt), ApiError> {
    let limits = assessor.app.limits;
    let most = assessor.app.reading.limits.max_correct_pixels;
    // All pixels are needed.
    let limits_of_original = Limits { max_pixels: limits.max_pixels.min(most), max_scaled_pixels: Some(0), ..limits };
    // A photo that is too large to be corrected, or for the format that it is to have, is not scored first.
    let claim = assessor.inspect(bytes.clone(), limits_of_original).await?;
    claim.of_correction().check(&assessor.app.decoders.memory)?;
    let format = query.format.unwrap_or_else(|| OutputFormat::of(claim.format));
    format.check(claim.size)?;
    let before = assessor.assess_claimed(bytes.clone(), claim, false, deadline, passage).await?;
    let plan = plan(&before, assessor)?;
    let JpegQuality(quality) = query.quality;
    let (area, frame) = (before.image.area, query.frame);
    for plan in plan.attempts() {
        let mut room = room_for_answer(assessor, &before, deadline).await?;
        let models = Arc::clone(assessor.engine.models());
        let bytes = bytes.clone();
        let (encoded, change, prepared) = assessor
            .decode(claim.of_correction(), deadline, passage, move |budget| {
                let mut original = decode_original(&bytes, Budget { limits: &limits_of_original, ..budget })?;
                // Memory for what follows, until the answer is encoded.
                let lease = original.lease.take();
                let (pixels, icc_profile, change) = apply(original, area, plan, frame)?;
                let (content_type, encoded) = encode(&pixels, icc_profile, format, quality).map_err(|error| {
                    tracing::error!(%error, "a corrected photo could not be encoded");
                    ApiError::Internal
                })?;
                drop((pixels, lease));
                room.shrink(encoded.len());
                let encoded = Encoded { content_type, bytes: room.hold(encoded) };
                let prepared = prepare(&encoded.bytes, budget, models.views(), false)?;
                Ok((encoded, change, prepared))
            })
            .await?;
        let after = assessor.judge(prepared, deadline).await?;
        if is_better(plan, &before, &after) {
            return Ok((encoded, change.receipt(&before, &after)));
        }
    }
    Err(ApiError::NotCorrectable("The correction did not make the photo better.".to_owned()))
}

/// True where what came of a plan may be given out: what is put right must not cost elsewhere.
fn is_better(plan: CorrectionPlan, before: &Assessment, after: &Assessment) -> bool {
    let is_upright = plan.turn == 0 || after.orientation.is_some_and(|orientation| orientation.turn == 0);
    // Cut to a piece, it may be no photo any more; brightened it is what it was, whatever a curve does to its histogram.
    let is_no_photo = plan.rotation.is_some() && !after.is_photo();
    // A photo that is cut smaller may show other faults. Of one that lay on its side, scores said little.
    let is_worse = rank(after.verdict) > rank(before.verdict)
        || is_no_photo
        || (plan.turn == 0 && (after.quality < before.quality || has_new_fault(before, after)));
    is_upright && !is_worse && helps(plan, Values::from(&before.scores), Values::from(&after.scores))
}

/// Room for the corrected photo, before it is made: it takes at most about what its pixels do.
async fn room_for_answer(assessor: &Assessor, photo: &Assessment, deadline: Deadline) -> Result<Reserved, ApiError> {
    let pixels = u64::from(photo.image.width) * u64::from(photo.image.height);
    let bytes = usize::try_from(3 * pixels.min(assessor.app.reading.limits.max_correct_pixels)).unwrap_or(usize::MAX);
    // Some time before the deadline: there has to be some left for the work.
    let reserved = tokio::time::timeout(deadline.left() / 2, assessor.app.answers.reserve(bytes)).await;
    reserved.unwrap_or(Err(ApiError::Overloaded))
}

/// What can be done for a photo.
fn plan(found: &Assessment, assessor: &Assessor) -> Result<CorrectionPlan, ApiError> {
    if !found.is_photo() {
        let detail = "This is no photo but a plan, a map, a document or a screenshot (not_a_photo), which has no tilt and no light \
            to correct.";
        return Err(ApiError::NotCorrectable(detail.to_owned()));
    }
    if let Some(reason) = found.reasons.iter().find(|reason| reason.is_certain() && is_lasting(reason)) {
        let detail =
            format!("No correction mends that the photo is {}. {}", reason.code.replace('_', " "), reason.advice);
        return Err(ApiError::NotCorrectable(detail));
    }
    let turned = found.reasons.iter().any(|reason| reason.code == SIDEWAYS || reason.code == UPSIDE_DOWN);
    let turn = found.orientation.filter(|_| turned).map_or(0, |orientation| orientation.turn);
    let evidence =
        |metric: &str| Evidence::of(metric, &found.scores, found.coverage, assessor.engine.models(), &assessor.profile);
    let [rotation, brightness] = ["rotation", "brightness"].map(evidence);
    CorrectionPlan::of(rotation.as_ref(), brightness.as_ref(), turn)
        .ok_or_else(|| without_plan(found, rotation.is_some() || brightness.is_some()))
}

/// True for what only another photo or file can mend. Turned, cut and encoded anew it would often be seen no more, and pass.
fn is_lasting(reason: &Reason) -> bool {
    reason.severity == Severity::Retake || reason.metric == UPSCALE
}

/// Why nothing is done for a photo; `is_judged` where the profile bounds tilt or light.
fn without_plan(found: &Assessment, is_judged: bool) -> ApiError {
    let is_corrected = |reason: &Reason| ["rotation", "brightness", "orientation"].contains(&&*reason.metric);
    match found.reasons.first() {
        Some(first) if !found.reasons.iter().any(is_corrected) => {
            let codes: Vec<String> = found.reasons.iter().map(|reason| format!("`{}`", reason.code)).collect();
            let detail = format!("No correction mends what the photo has: {}. {}", codes.join(", "), first.advice);
            ApiError::NotCorrectable(detail)
        }
        _ if !is_judged => ApiError::NothingToCorrect(
            "The profile judges neither tilt nor light: nothing is corrected by it.".to_owned(),
        ),
        None => ApiError::NothingToCorrect("The photo is upright and well exposed.".to_owned()),
        Some(_) => {
            let detail = "The photo may be tilted or badly exposed, but a correction might make it worse.";
            ApiError::NotCorrectable(detail.to_owned())
        }
    }
}

/// True where the result certainly has a fault in something in which the upload had none, not even possibly. Whether it still is a photo is
/// another question.
fn has_new_fault(before: &Assessment, after: &Assessment) -> bool {
    let is_known = |metric: &str| before.reasons.iter().any(|reason| reason.metric == metric);
    let mut certain = after.reasons.iter().filter(|reason| reason.is_certain() && reason.metric != NOT_A_PHOTO);
    certain.any(|reason| !is_known(&reason.metric))
}

/// True when each value that the plan was to change came nearer to zero.
fn helps(plan: CorrectionPlan, before: Values, after: Values) -> bool {
    let nearer = |planned: bool, before: f32, after: f32| !planned || after.abs() < before.abs();
    nearer(plan.rotation.is_some(), before.rotation, after.rotation)
        && nearer(plan.value_shift.is_some(), before.brightness, after.brightness)
}

/// What was done to the pixels, see [`Receipt`].
struct Change {
    rotation: f32,
    kept: f32,
    v_shift: f32,
    profile_dropped: bool,
}

impl Change {
    /// The receipt, but for the request's name.
    fn receipt(self, before: &Assessment, after: &Assessment) -> Receipt {
        Receipt {
            request_id: String::new(),
            rotation: thousandths(self.rotation),
            kept: thousandths(self.kept),
            v_shift: thousandths(self.v_shift),
            profile_dropped: self.profile_dropped,
            width: after.image.width,
            height: after.image.height,
            before: Values::from(&before.scores),
            after: Values::from(&after.scores),
        }
    }
}

/// Corrects the photo within an upload; gives its pixels and their ICC profile.
fn apply(
    original: Original,
    area: Area,
    plan: CorrectionPlan,
    frame: FrameChoice,
) -> Result<(RgbImage, Option<Vec<u8>>, Change), ApiError> {
    let Original { photo, icc_profile, profile_dropped, transparent, .. } = original;
    if transparent {
        let detail = "The photo has transparent parts, which a correction would fill with white; send it without any.";
        return Err(ApiError::NotCorrectable(detail.to_owned()));
    }
    let rotation = plan.rotation.unwrap_or(0.0);
    let (pixels, around) = cut_out(photo.upright(), area);
    let pixels = set_upright(pixels, plan.turn);
    let (pixels, kept) = if plan.rotation.is_some() { straighten(&pixels, rotation) } else { (pixels, 1.0) };
    if kept < LEAST_KEPT {
        let detail = format!("Put upright, only {:.0} % of the photo would be left; take it again.", 100.0 * kept);
        return Err(ApiError::NotCorrectable(detail));
    }
    let (pixels, v_shift) = match plan.value_shift {
        Some(shift) => shift_value(pixels, shift),
        None => (pixels, 0.0),
    };
    let pixels = match around {
        // A photo that was turned no longer fits its frame.
        Some(around) if frame == FrameChoice::Keep && plan.turn == 0 => around.around(&pixels),
        _ => pixels,
    };
    let undone = match plan.turn {
        270 => 90.0,
        turn => -f32::from(turn),
    };
    Ok((pixels, icc_profile, Change { rotation: undone + rotation, kept, v_shift, profile_dropped }))
}

/// The photo's bytes and their type.
fn encode(
    pixels: &RgbImage,
    icc_profile: Option<Vec<u8>>,
    format: OutputFormat,
    quality: u8,
) -> ImageResult<(&'static str, Vec<u8>)> {
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
    Ok((content_type, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_helps_if_all_that_was_planned_came_nearer_to_zero() {
        let values = |brightness, rotation| Values { blur: 0.0, brightness, rotation };
        let both = CorrectionPlan { turn: 0, rotation: Some(-3.0), value_shift: Some(0.2) };
        assert!(helps(both, values(-0.2, 3.0), values(0.1, -0.4)));
        assert!(!helps(both, values(-0.2, 3.0), values(0.1, -3.0)), "as tilted as before, to the other side");
        assert!(!helps(both, values(-0.2, 3.0), values(0.3, 0.1)), "too bright instead of too dark");
        let turn = CorrectionPlan { turn: 0, rotation: Some(-3.0), value_shift: None };
        assert!(helps(turn, values(-0.02, 3.0), values(-0.03, 0.1)), "brightness was none of its business");
    }

    #[test]
    fn a_side_may_be_as_long_as_its_encoder_takes() {
        for format in [OutputFormat::Jpeg, OutputFormat::Webp] {
            let longest = format.longest_side();
            for (side, fits) in [(longest, true), (longest + 1, false)] {
                for (width, height) in [(side, 1), (1, side)] {
                    let encoded = encode(&RgbImage::new(width, height), None, format, 90);
                    let (checked, encoded) = (format.check((width, height)).is_ok(), encoded.is_ok());
                    assert_eq!((checked, encoded), (fits, fits), "{format:?}, {width}x{height}");
                }
            }
        }
    }

    #[test]
    fn qualities_beyond_those_of_jpeg_are_refused() {
        let parsed = |quality: u8| JpegQuality::try_from(quality).map(|JpegQuality(quality)| quality);
        assert_eq!((parsed(1), parsed(100)), (Ok(1), Ok(100)));
        assert!(parsed(0).is_err() && parsed(101).is_err());
    }
}
