//! `POST /score`: from an upload to scores and a verdict.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::ProblemDocument;
use super::upload;
use crate::app::{App, Models};
use crate::error::ApiError;
use crate::ingest::{self, Format, Limits, Photo};
use crate::metric::Metric;
use crate::scoring::card::sha256_hex;
use crate::scoring::profile::Profile;
use crate::scoring::verdict::{Judgement, Reason, Scores, Verdict, judge};
use crate::telemetry::metrics::{Passage, Stage};
use crate::telemetry::request_id::RequestId;
use crate::view::{self, ReferenceView};

/// Query of `POST /score`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScoreQuery {
    /// Profile of thresholds to judge by.
    #[serde(default = "default_profile")]
    #[param(default = "default", example = "default")]
    profile: String,
}

fn default_profile() -> String {
    Profile::default().name
}

/// An image, as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: the form is read part by part")]
pub(crate) struct ScoreForm {
    /// The image file.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    image: Vec<u8>,
}

/// The scored image.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScoredImage {
    /// Format, told from the content.
    pub format: Format,
    /// Width in pixels, after EXIF orientation.
    #[schema(example = 4032)]
    pub width: u32,
    /// Height in pixels, after EXIF orientation.
    #[schema(example = 3024)]
    pub height: u32,
    /// Size of the file.
    #[schema(example = 3_168_343)]
    pub bytes: usize,
    /// SHA-256 of the file.
    #[schema(example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub sha256: String,
    /// EXIF orientation that was applied, 1 to 8.
    #[schema(example = 6, minimum = 1, maximum = 8)]
    pub orientation: u8,
}

/// Versions of the models that scored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ModelVersions {
    /// Version of the blur model.
    pub blur: String,
    /// Version of the brightness model.
    pub brightness: String,
    /// Version of the rotation model.
    pub rotation: String,
}

/// Answer of `POST /score`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScoreResponse {
    /// Names the request in the server's log.
    #[schema(example = "0b8f6a5e-6d0c-4a57-9f0e-0b6b7f5b8a11")]
    pub request_id: String,
    /// What was scored.
    pub image: ScoredImage,
    /// The scores.
    pub scores: Scores,
    /// Share of photos whose true value lies inside the interval.
    #[schema(example = 0.9)]
    pub coverage: f32,
    /// The worst of the three qualities.
    #[schema(example = 64, minimum = 0, maximum = 100)]
    pub quality: u8,
    /// The profile judged by.
    #[schema(example = "default")]
    pub profile: String,
    /// Publish, do not, or look yourself.
    pub verdict: Verdict,
    /// Why the photo did not pass, worst first.
    pub reasons: Vec<Reason>,
    /// The models that scored.
    pub models: ModelVersions,
}

/// Score a photo
///
/// Send the image as the raw body or as the part `image` of a form. The content is sniffed; its declared type is not
/// trusted.
#[utoipa::path(
    post,
    path = "/score",
    operation_id = "score",
    tag = "scoring",
    params(ScoreQuery),
    request_body(content(
        (Vec<u8> = "image/*"),
        (Vec<u8> = "application/octet-stream"),
        (ScoreForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "The photo's scores", body = ScoreResponse),
        (status = 400, description = "`empty_body`, `broken_body`, `bad_multipart`, `bad_query` or `unknown_profile`",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "`upload_too_slow`", body = ProblemDocument, content_type = "application/problem+json"),
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
pub(crate) async fn score(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    query: Result<Query<ScoreQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<ScoreResponse>, ApiError> {
    let deadline = Instant::now() + app.deadline;
    let profile = match profile_of(query) {
        Ok(profile) => profile,
        Err(error) => {
            upload::discard(request).await;
            return Err(error);
        }
    };
    // Before a byte of the body is read: a refused upload costs nothing. Held until the scores are there.
    let Ok(_in_flight) = app.in_flight.clone().try_acquire_owned() else {
        upload::discard(request).await;
        return Err(ApiError::Overloaded);
    };
    // The same models from the first step to the last, whatever is reloaded meanwhile.
    let models = app.models.load_full();
    let mut passage = app.metrics.follow();
    let work = score_upload(&app, &models, &profile, request, deadline, &mut passage);
    let scored = tokio::time::timeout_at(deadline.into(), work).await;
    // Whatever came of it: only a client that goes away leaves a passage without an end.
    passage.end();
    let (image, judgement) = scored.unwrap_or(Err(ApiError::DeadlineExceeded))?;
    let [blur, brightness, rotation] = models.cards.each_ref().map(|card| card.version.clone());
    Ok(Json(ScoreResponse {
        request_id: request_id.to_string(),
        image,
        scores: judgement.scores,
        coverage: models.cards.iter().map(|card| card.calibration.coverage()).fold(1.0, f32::min),
        quality: judgement.quality,
        profile: profile.name,
        verdict: judgement.verdict,
        reasons: judgement.reasons,
        models: ModelVersions { blur, brightness, rotation },
    }))
}

fn profile_of(query: Result<Query<ScoreQuery>, QueryRejection>) -> Result<Profile, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::BadQuery(format!("{}.", rejection.body_text())))?;
    Profile::find(&query.profile).ok_or(ApiError::UnknownProfile(query.profile))
}

async fn score_upload(
    app: &App,
    models: &Models,
    profile: &Profile,
    request: Request,
    deadline: Instant,
    passage: &mut Passage<'_>,
) -> Result<(ScoredImage, Judgement), ApiError> {
    let bytes = upload::read(request, &app.limits).await?;
    passage.enter(Stage::Wait);
    let decoder = app.decoders.clone().acquire_owned().await.map_err(|_| ApiError::Draining)?;
    passage.enter(Stage::Decode);
    let limits = app.limits;
    let prepared = tokio::task::spawn_blocking(move || {
        let prepared = prepare(&bytes, &limits);
        // Held by the blocking task itself: a client that hangs up must not let a second decoder start beside it.
        drop(decoder);
        prepared
    });
    let (image, tensors) = prepared.await.map_err(|error| {
        tracing::error!(%error, "decoding panicked");
        ApiError::Internal
    })??;
    passage.enter(Stage::Run);
    let outputs = models.engine.run(tensors, deadline).await?;
    let estimates = std::array::from_fn(|index| models.cards[index].calibration.apply(outputs[index]));
    let judgement = judge(&outputs, &estimates, profile);
    app.metrics.judged(&profile.name, &judgement, &estimates);
    Ok((image, judgement))
}

/// Everything between the bytes and the models, on a thread that may block.
fn prepare(bytes: &[u8], limits: &Limits) -> Result<(ScoredImage, [Vec<f32>; 3]), ApiError> {
    let Photo { format, orientation, width, height, pixels } = ingest::decode(bytes, limits)?;
    let image = ScoredImage { format, width, height, bytes: bytes.len(), sha256: sha256_hex(bytes), orientation };
    let view = ReferenceView::new(pixels);
    Ok((image, Metric::ALL.map(|metric| view::tensor(metric, &view))))
}
