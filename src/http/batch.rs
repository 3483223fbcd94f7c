//! `POST /score/batch`: many photos in one form, each with its own scores or problem, and what they say as a set.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::{Extension, Json};
use clearshot_core::assessment::Assessment;
use clearshot_core::scoring::listing::{Listing, summarise};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tracing::Instrument;
use utoipa::{IntoParams, ToSchema};

use super::problem::ProblemDocument;
use super::score::{Detail, admit, default_profile, parsed, profile};
use super::upload::{Images, NamedImage};
use crate::app::App;
use crate::error::ApiError;
use crate::telemetry::request_id::RequestId;

/// Query of `POST /score/batch`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BatchQuery {
    /// Profile of thresholds to judge by, see `/profiles`.
    #[serde(default = "default_profile")]
    #[param(default = "default", example = "real-estate")]
    profile: String,
    /// `tiles` adds to each photo the map of where it is blurred.
    #[param(inline, required = false)]
    detail: Option<Detail>,
    /// Add what the photos say as the set of one listing.
    #[serde(default)]
    #[param(default = false)]
    summary: bool,
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
    /// One entry for each part named `image`, in their order.
    pub results: Vec<BatchResult>,
    /// What the photos say as a set; only with `summary=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub summary: Option<Listing>,
}

/// What came of one photo: `score` or `problem`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchResult {
    /// Position in the form, from 0.
    #[schema(example = 0)]
    pub index: usize,
    /// File name of the part, if it had one.
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

/// Score many photos
///
/// Send the images as parts named `image` of one form. Each gets its own scores or its own problem; that some fail is normal.
/// How many images and bytes a request may hold is set by `--max-images` and `--max-form-bytes`.
#[utoipa::path(
    post,
    path = "/score/batch",
    operation_id = "score_batch",
    tag = "scoring",
    params(BatchQuery),
    request_body(content((BatchForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "One result for each photo", body = BatchResponse),
        (status = 400, description = "`broken_body`, `bad_multipart`, `bad_query` or `unknown_profile`",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "`upload_too_slow`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large` or `too_many_images`", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 503, description = "`overloaded` or `draining`, with `Retry-After`", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn score_batch(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    query: Result<Query<BatchQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<BatchResponse>, ApiError> {
    let wanted = parsed(query).and_then(|query| Ok((profile(&app, &query.profile)?, query)));
    let (request, mut assessor, query, _in_flight) = admit(&app, request, wanted).await?;
    assessor.tiles = query.detail == Some(Detail::Tiles);
    let mut images = Images::open(request, &app.upload_limits).await?;
    let mut running = JoinSet::new();
    let mut results = Vec::new();
    while let Some(NamedImage { index, name, bytes }) = images.next().await? {
        let (assessor, request_id) = (assessor.clone(), request_id.to_string());
        let work = async move {
            let deadline = Instant::now() + assessor.app.deadline;
            let mut passage = assessor.app.metrics.follow();
            let assessed = match bytes {
                Ok(bytes) => assessor.assess(bytes, deadline, &mut passage).await,
                Err(error) => Err(error),
            };
            passage.end();
            result(&assessor.app, index, name, assessed, &request_id)
        };
        running.spawn(work.in_current_span());
        // Read no further ahead than decoders are busy: what waits takes memory.
        while running.len() > app.config().decoders {
            results.extend(running.join_next().await.transpose().map_err(failed)?);
        }
    }
    while let Some(result) = running.join_next().await {
        results.push(result.map_err(failed)?);
    }
    results.sort_by_key(|result: &BatchResult| result.index);
    let summary = query.summary.then(|| {
        let photos = results.iter().filter_map(|result| Some((result.index, result.score.as_ref()?)));
        let photos: Vec<_> =
            photos.map(|(index, photo)| (index, &photo.scores, photo.quality, photo.verdict)).collect();
        summarise(&photos)
    });
    Ok(Json(BatchResponse { request_id: request_id.to_string(), results, summary }))
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn failed(error: tokio::task::JoinError) -> ApiError {
    tracing::error!(%error, "scoring a photo of a batch panicked");
    ApiError::Internal
}

fn result(
    app: &App,
    index: usize,
    name: Option<String>,
    assessed: Result<Assessment, ApiError>,
    request_id: &str,
) -> BatchResult {
    match assessed {
        Ok(score) => BatchResult { index, name, status: 200, score: Some(score), problem: None },
        Err(error) => {
            app.metrics.rejected(error.problem().code);
            let problem = ProblemDocument::new(&error, request_id.to_owned());
            BatchResult { index, name, status: problem.status, score: None, problem: Some(problem) }
        }
    }
}
