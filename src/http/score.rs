//! `POST /score`: from an upload to scores and a verdict.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::{Extension, Json};
use clearshot_core::assessment::Assessment;
use clearshot_core::scoring::profile::Profile;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};

use super::assess::Assessor;
use super::problem::ProblemDocument;
use super::upload;
use crate::app::App;
use crate::error::ApiError;
use crate::telemetry::request_id::RequestId;

/// Query of `POST /score`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScoreQuery {
    /// Profile of thresholds to judge by, see `/profiles`.
    #[serde(default = "default_profile")]
    #[param(default = "default", example = "default")]
    profile: String,
    /// `tiles` adds the map of where the photo is blurred.
    #[param(inline, required = false)]
    detail: Option<Detail>,
}

/// What to add to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Detail {
    /// The map of where the photo is blurred.
    Tiles,
}

pub(super) fn default_profile() -> String {
    "default".to_owned()
}

/// The bytes of an image file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct ImageBytes(Vec<u8>);

/// An image, as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: the form is read part by part")]
pub(crate) struct ScoreForm {
    /// The image file.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// Answer of `POST /score`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScoreResponse {
    /// Names the request in the server's log.
    #[schema(example = "0b8f6a5e-6d0c-4a57-9f0e-0b6b7f5b8a11")]
    pub request_id: String,
    /// The photo's scores and what follows from them.
    #[serde(flatten)]
    pub assessment: Assessment,
}

/// Score a photo
///
/// Send the image as the raw body, under any `Content-Type`, or as the part `image` of a form. The content is sniffed; its
/// declared type is not trusted.
#[utoipa::path(
    post,
    path = "/score",
    operation_id = "score",
    tag = "scoring",
    params(ScoreQuery),
    request_body(content(
        (inline(ImageBytes) = "application/octet-stream"),
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
    let wanted = parsed(query).and_then(|query| Ok((profile(&app, &query.profile)?, query)));
    let (request, mut assessor, query, _in_flight) = admit(&app, request, wanted).await?;
    assessor.tiles = query.detail == Some(Detail::Tiles);
    let mut passage = app.metrics.follow();
    let work = async {
        let bytes = upload::read(request, &app.upload_limits).await?;
        assessor.assess(bytes, deadline, &mut passage).await
    };
    let assessed = tokio::time::timeout_at(deadline.into(), work).await;
    // Whatever came of it: only a client that goes away leaves a passage without an end.
    passage.end();
    let assessment = assessed.unwrap_or(Err(ApiError::DeadlineExceeded))?;
    Ok(Json(ScoreResponse { request_id: request_id.to_string(), assessment }))
}

pub(super) fn parsed<Q>(query: Result<Query<Q>, QueryRejection>) -> Result<Q, ApiError> {
    query.map(|Query(query)| query).map_err(|rejection| ApiError::BadQuery(format!("{}.", rejection.body_text())))
}

pub(super) fn profile(app: &App, name: &str) -> Result<Arc<Profile>, ApiError> {
    app.profiles.find(name).cloned().map(Arc::new).ok_or_else(|| ApiError::UnknownProfile(name.to_owned()))
}

/// Lets a request in before a byte of its body is read, so that a refused upload costs nothing. `wanted` is the profile to judge
/// by and the query, or why there is none. The permit is held until the answer is there.
pub(super) async fn admit<Q>(
    app: &Arc<App>,
    request: Request,
    wanted: Result<(Arc<Profile>, Q), ApiError>,
) -> Result<(Request, Assessor, Q, OwnedSemaphorePermit), ApiError> {
    let admitted = wanted.and_then(|(profile, query)| {
        let permit = app.in_flight.clone().try_acquire_owned().map_err(|_| ApiError::Overloaded)?;
        Ok((Assessor { app: Arc::clone(app), engine: app.engine.load_full(), profile, tiles: false }, query, permit))
    });
    match admitted {
        Ok((assessor, query, permit)) => Ok((request, assessor, query, permit)),
        Err(error) => {
            upload::discard(request).await;
            Err(error)
        }
    }
}
