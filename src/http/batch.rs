//! `POST /score/batch`: many photos in one form or JSON, each with its own scores or problem, and what they say as a set.

use axum::Extension;
use axum::response::Response;
use clearshot_core::assessment::Assessment;
use clearshot_core::scoring::attempt::Attempt;
use clearshot_core::scoring::coverage::Coverage;
use clearshot_core::scoring::listing::{ListedPhoto, Listing, summarise};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument;
use utoipa::{IntoParams, ToSchema};

use super::admit::{Admitted, ScoringQuery, default_profile};
use super::answer;
use super::assess::Assessor;
use super::deadline::Deadline;
use super::middleware::request_id::RequestId;
use super::problem::{ProblemDocument, may_answer};
use super::score::Detail;
use crate::access::Work;
use crate::error::ApiError;
use crate::upload::{BatchJson, Images, NamedImage};

/// Query of `POST /score/batch`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BatchQuery {
    /// Profile of thresholds to judge by, see `/profiles`.
    #[serde(default = "default_profile")]
    #[param(default = "default", example = "real-estate")]
    profile: String,
    /// `tiles` adds to each photo the map of where it is blurred.
    #[param(inline, required = false)]
    detail: Option<Detail>,
    /// Share of photos whose true value the intervals (`low` to `high`) are to hold; default: what the models were calibrated for, 0.9.
    /// It decides nothing: the verdict stays as it is.
    #[param(value_type = f32, minimum = 0.5, maximum = 0.99, example = 0.9, required = false)]
    coverage: Option<Coverage>,
    /// Which attempt at these photos it is, from 1: from the profile's `max_attempts` on, one that would have to be taken again is `unsure`,
    /// not `fail`. Its reasons stay.
    #[param(value_type = u32, minimum = 1, maximum = 1000, example = 1, required = false)]
    attempt: Option<Attempt>,
    /// Add what the photos say as the set of one listing.
    #[serde(default)]
    #[param(default = false)]
    summary: bool,
}

impl ScoringQuery for BatchQuery {
    fn profile(&self) -> &str {
        &self.profile
    }

    fn coverage(&self) -> Option<Coverage> {
        self.coverage
    }

    fn attempt(&self) -> Option<Attempt> {
        self.attempt
    }

    fn work(&self) -> Work {
        Detail::work(self.detail)
    }
}

/// Many images, as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: the form is read part by part")]
pub(crate) struct BatchForm {
    /// The image files, one part named `image` for each.
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1)]
    image: Vec<Vec<u8>>,
}

/// Answer of `POST /score/batch`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchResponse {
    /// Names the request in the server's log.
    #[schema(example = "0b8f6a5e-6d0c-4a57-9f0e-0b6b7f5b8a11")]
    pub request_id: String,
    /// One entry for each image, in their order.
    pub results: Vec<BatchResult>,
    /// What the photos say as a set; only with `summary=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub summary: Option<Listing>,
}

/// What came of one photo: `score` or `problem`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchResult {
    /// Position in the form or list, from 0.
    #[schema(example = 0)]
    pub index: usize,
    /// File name of the part, or `name` in JSON, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "kitchen.jpg")]
    pub name: Option<String>,
    /// The status that the photo would have got alone.
    #[schema(example = 200)]
    pub status: u16,
    /// The scores, where `status` is 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub score: Option<Assessment>,
    /// What went wrong, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<ProblemDocument>,
}

may_answer!(BatchProblems: BROKEN_BODY, BAD_MULTIPART, BAD_JSON, BAD_QUERY, UNKNOWN_PROFILE, UPLOAD_TOO_SLOW, BODY_TOO_LARGE, TOO_MANY_IMAGES,
    UNSUPPORTED_ENCODING, RATE_LIMITED, INTERNAL, OVERLOADED);

/// Score many photos
///
/// Send the images as parts named `image` of one form, or as JSON, in base64 or as the URLs where they
/// lie; the JSON is bounded like one upload. Each gets its own scores or its own problem; that some fail is normal.
/// How many images and bytes a request may hold is set by `--max-images` and `--max-form-bytes`. Where a key has an allowance, each
/// image counts; one that is beyond it has the problem `rate_limited`.
#[utoipa::path(
    post,
    path = "/score/batch",
    operation_id = "score_batch",
    tag = "scoring",
    params(BatchQuery),
    request_body(content(
        (BatchForm = "multipart/form-data"),
        (BatchJson = "application/json"),
    )),
    responses(
        (status = 200, description = "One result for each photo", body = BatchResponse),
        BatchProblems,
    )
)]
pub(crate) async fn score_batch(
    Extension(request_id): Extension<RequestId>,
    admitted: Admitted<BatchQuery>,
) -> Result<Response, ApiError> {
    let Admitted { query, assessor, request, place, payer, deadline: _ } = admitted;
    let tiles = query.detail == Some(Detail::Tiles);
    let app = &assessor.app;
    let mut images = Images::open(request, &app.reading).await?;
    let mut running = JoinSet::new();
    let mut results = Vec::new();
    while let Some(mut image) = images.next().await? {
        // The first was paid when the request was let in.
        if image.index > 0 {
            image.bytes = image.bytes.and_then(|bytes| payer.pay(query.work()).map(|()| bytes));
        }
        // For each photo, from when it is there: a form takes as long as its photos do, and how long it may take to come is `upload`'s.
        let deadline = Deadline::after(app.deadline);
        running.spawn(assess(assessor.clone(), image, tiles, deadline, request_id.clone()).in_current_span());
        // Read no further ahead than decoders are busy: what waits takes memory.
        while running.len() > app.config().decoders.get() {
            results.extend(running.join_next().await.transpose().map_err(failed)?);
        }
    }
    while let Some(result) = running.join_next().await {
        results.push(result.map_err(failed)?);
    }
    results.sort_by_key(|result: &BatchResult| result.index);
    let summary = query.summary.then(|| {
        let photos = results.iter().filter_map(|result| Some((result.index, result.score.as_ref()?)));
        let listed = photos.map(|(index, found)| ListedPhoto {
            index,
            scores: &found.scores,
            quality: found.quality,
            verdict: found.verdict,
            is_photo: found.is_photo(),
            scene_hash: found.image.scene_hash,
            pixels: u64::from(found.image.width) * u64::from(found.image.height),
        });
        summarise(&listed.collect::<Vec<_>>(), &assessor.profile)
    });
    answer::json(place, &BatchResponse { request_id: request_id.to_string(), results, summary })
}

/// Assesses one image of a form, by its deadline.
async fn assess(
    assessor: Assessor,
    image: NamedImage,
    tiles: bool,
    deadline: Deadline,
    request_id: RequestId,
) -> BatchResult {
    let NamedImage { index, name, bytes } = image;
    let passage = assessor.app.metrics.follow();
    let done = deadline.bound(async { assessor.assess(bytes?, tiles, deadline, &passage).await }).await;
    passage.end();
    let metrics = &assessor.app.metrics;
    metrics.batch_result(done.as_ref().map_or_else(|error| error.problem().status.as_u16(), |_| 200));
    match done {
        Ok(score) => BatchResult { index, name, status: 200, score: Some(score), problem: None },
        Err(error) => {
            metrics.rejected(error.problem().code);
            let problem = ProblemDocument::new(&error, request_id.to_string());
            BatchResult { index, name, status: problem.status, score: None, problem: Some(problem) }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn failed(error: JoinError) -> ApiError {
    tracing::error!(%error, "scoring a photo of a batch panicked");
    ApiError::Internal
}
