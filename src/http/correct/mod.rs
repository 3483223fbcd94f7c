//! `POST /correct`: the photo straightened and well exposed, with a receipt of what was done to it.

mod output;
mod receipt;

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use clearshot_core::area::Area;
use clearshot_core::assessment::{Assessment, prepare};
use clearshot_core::checks::{NOT_A_PHOTO, UPSCALE};
use clearshot_core::ingest::{Budget, Claim, Limits, Original, decode_original};
use clearshot_core::metric::Severity;
use clearshot_core::scoring::attempt::Attempt;
use clearshot_core::scoring::coverage::Coverage;
use clearshot_core::scoring::listing::rank;
use clearshot_core::scoring::orientation::{SIDEWAYS, UPSIDE_DOWN};
use clearshot_core::scoring::verdict::Reason;
use image::RgbImage;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use self::output::{JpegQuality, OutputFormat, encode};
pub use self::receipt::Receipt;
use self::receipt::{Change, Values};
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

may_answer!(CorrectProblems: EMPTY_BODY, BROKEN_BODY, BAD_MULTIPART, BAD_JSON, BAD_BASE64, SOURCE_NOT_ALLOWED, SOURCE_NOT_FOUND, SOURCE_UNAVAILABLE, BAD_QUERY, UNKNOWN_PROFILE, UPLOAD_TOO_SLOW,
    NOTHING_TO_CORRECT, NOT_CORRECTABLE, BODY_TOO_LARGE, UNSUPPORTED_FORMAT, UNSUPPORTED_ENCODING, UNDECODABLE_IMAGE,
    IMAGE_TOO_LARGE, IMAGE_TOO_SMALL, RATE_LIMITED, INTERNAL, OVERLOADED, DEADLINE_EXCEEDED);

/// Correct a photo
///
/// Straightens it (turned, then cut to the largest frame of the same shape) and corrects its brightness (a curve that rolls
/// highlights off), where that brings the true value nearer to zero with a probability of 0.8 and by a visible step on average; a result
/// that is no better by its scores, or worse in anything else, is not given out. Where there are time and room for it, the straightened
/// photo is looked at again, and what is left of its tilt is undone in the same turn. What the profile does not judge is not changed. A photo
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
    let upload = UploadToCorrect {
        assessor,
        bytes,
        claim,
        limits: limits_of_original,
        query,
        format,
        before,
        deadline,
        passage,
    };
    for plan in plan.attempts() {
        let room = upload.wait_for_room().await?;
        let started = Instant::now();
        if let Some(done) = upload.carry_out(plan, room, deadline).await? {
            let done = upload.refined(done, started).await;
            return Ok((done.encoded, done.change.receipt(&upload.before, &done.after)));
        }
    }
    Err(ApiError::NotCorrectable("The correction did not make the photo better.".to_owned()))
}

/// An upload that is to be corrected.
struct UploadToCorrect<'a> {
    assessor: &'a Assessor,
    bytes: Bytes,
    claim: Claim,
    limits: Limits,
    query: &'a CorrectQuery,
    format: OutputFormat,
    before: Assessment,
    deadline: Deadline,
    passage: &'a Passage,
}

/// What came of a plan.
struct Corrected {
    plan: CorrectionPlan,
    encoded: Encoded,
    change: Change,
    after: Assessment,
}

impl UploadToCorrect<'_> {
    /// Bytes that the corrected photo takes at most: about what its pixels do.
    fn room(&self) -> usize {
        let pixels = u64::from(self.before.image.width) * u64::from(self.before.image.height);
        let most = self.assessor.app.reading.limits.max_correct_pixels;
        usize::try_from(3 * pixels.min(most)).unwrap_or(usize::MAX)
    }

    /// Room for the corrected photo, before it is made.
    async fn wait_for_room(&self) -> Result<Reserved, ApiError> {
        // Some time before the deadline: there has to be some left for the work.
        let reserved = self.assessor.app.answers.reserve(self.room());
        tokio::time::timeout(self.deadline.left() / 2, reserved).await.unwrap_or(Err(ApiError::Overloaded))
    }

    /// Carries out a plan and scores what comes of it; nothing where that may not be given out.
    async fn carry_out(
        &self,
        plan: CorrectionPlan,
        mut room: Reserved,
        deadline: Deadline,
    ) -> Result<Option<Corrected>, ApiError> {
        let models = Arc::clone(self.assessor.engine.models());
        let (bytes, limits, area, format) = (self.bytes.clone(), self.limits, self.before.image.area, self.format);
        let (frame, quality) = (self.query.frame, self.query.quality);
        let work = move |budget: Budget| {
            let mut original = decode_original(&bytes, Budget { limits: &limits, ..budget })?;
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
        };
        let claim = self.claim.of_correction();
        let (encoded, change, prepared) = self.assessor.decode(claim, deadline, self.passage, work).await?;
        let after = self.assessor.judge(prepared, deadline).await?;
        Ok(is_better(plan, &self.before, &after).then_some(Corrected { plan, encoded, change, after }))
    }

    /// The same with what is left of the tilt undone, too, where that is worth it, there is room without waiting, and it takes no more than
    /// twice as long as the first time, a decoder's and memory's waiting included; else what is there.
    async fn refined(&self, done: Corrected, started: Instant) -> Corrected {
        let took = started.elapsed();
        let finer = done.plan.finer(&self.before.scores.rotation, &done.after.scores.rotation);
        let Some(plan) = finer.filter(|_| self.deadline.left() > 3 * took) else { return done };
        let mut room = self.assessor.app.answers.none();
        if room.grow(self.room()).is_err() {
            return done;
        }
        // Its own deadline, so that nothing works on when this one is over.
        let deadline = Deadline::after(2 * took);
        match deadline.bound(self.carry_out(plan, room, deadline)).await {
            Ok(Some(finer)) if finer.is_better_than(&done) => finer,
            _ => done,
        }
    }
}

impl Corrected {
    /// True where this is closer to level and no worse to whoever decides. (A point of quality more or less is the cut's doing.)
    fn is_better_than(&self, other: &Self) -> bool {
        let [this, that] = [&self.after, &other.after];
        let tilts = [this, that].map(|after| after.scores.rotation.value.abs());
        tilts[0] < tilts[1] && rank(this.verdict) <= rank(that.verdict) && !has_new_fault(that, this)
    }
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

/// What can be done for a photo.
fn plan(found: &Assessment, assessor: &Assessor) -> Result<CorrectionPlan, ApiError> {
    if !found.is_photo() {
        let detail = "This is no photo but a plan, a map, a document or a screenshot (not_a_photo), which has no tilt and no light \
            to correct.";
        return Err(ApiError::NotCorrectable(detail.to_owned()));
    }
    if let Some(reason) = found.reasons.iter().find(|reason| reason.is_certain() && is_lasting(reason)) {
        let detail = format!("No correction mends what the photo has: `{}`. {}", reason.code, reason.advice);
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
}
