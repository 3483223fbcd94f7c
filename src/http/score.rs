//! `POST /score`: from an upload to scores and a verdict.

use axum::Extension;
use axum::response::Response;
use clearshot_core::assessment::Assessment;
use clearshot_core::scoring::attempt::Attempt;
use clearshot_core::scoring::coverage::Coverage;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::admit::{Admitted, ScoringQuery, default_profile};
use super::answer;
use super::middleware::request_id::RequestId;
use super::problem::may_answer;
use crate::access::Work;
use crate::error::ApiError;
use crate::upload::ScoreJson;

/// Query of `POST /score`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScoreQuery {
    /// Profile of thresholds to judge by, see `/profiles`.
    #[serde(default = "default_profile")]
    #[param(default = "default", example = "default")]
    profile: String,
    /// `tiles` adds the map of where the photo is blurred.
    #[param(inline, required = false)]
    detail: Option<Detail>,
    /// Share of photos whose true value the intervals (`low` to `high`) are to hold; default: what the models were calibrated for, 0.9.
    /// It decides nothing: the verdict stays as it is.
    #[param(value_type = f32, minimum = 0.5, maximum = 0.99, example = 0.9, required = false)]
    coverage: Option<Coverage>,
    /// Which attempt at this photo it is, from 1: from the profile's `max_attempts` on, one that would have to be taken again is `unsure`,
    /// not `fail`. Its reasons stay.
    #[param(value_type = u32, minimum = 1, maximum = 1000, example = 1, required = false)]
    attempt: Option<Attempt>,
}

/// What to add to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Detail {
    /// The map of where the photo is blurred.
    Tiles,
}

impl ScoringQuery for ScoreQuery {
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

impl Detail {
    /// What a photo costs with this detail, or without any.
    pub(super) fn work(detail: Option<Self>) -> Work {
        match detail {
            Some(Self::Tiles) => Work::Tiles,
            None => Work::Score,
        }
    }
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

may_answer!(ScoreProblems: EMPTY_BODY, BROKEN_BODY, BAD_MULTIPART, BAD_JSON, BAD_BASE64, SOURCE_NOT_ALLOWED, SOURCE_NOT_FOUND, SOURCE_UNAVAILABLE, BAD_QUERY, UNKNOWN_PROFILE, UPLOAD_TOO_SLOW, BODY_TOO_LARGE,
    UNSUPPORTED_FORMAT, UNSUPPORTED_ENCODING, UNDECODABLE_IMAGE, IMAGE_TOO_LARGE, IMAGE_TOO_SMALL, RATE_LIMITED, INTERNAL, OVERLOADED, DEADLINE_EXCEEDED);

/// Score a photo
///
/// Send the image as the raw body, under any `Content-Type`, as the part `image` of a form, or as JSON, which holds it in base64 or names the URL
/// where it lies. The content is sniffed; its
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
        (ScoreJson = "application/json"),
    )),
    responses(
        (status = 200, description = "The photo's scores", body = ScoreResponse),
        ScoreProblems,
    )
)]
pub(crate) async fn score(
    Extension(request_id): Extension<RequestId>,
    admitted: Admitted<ScoreQuery>,
) -> Result<Response, ApiError> {
    let Admitted { query, assessor, deadline, request, place, payer: _ } = admitted;
    let tiles = query.detail == Some(Detail::Tiles);
    let passage = assessor.app.metrics.follow();
    let work = |bytes| assessor.assess(bytes, tiles, deadline, &passage);
    let assessment = deadline.bound_photo(request, &assessor, &passage, work).await?;
    answer::json(place, &ScoreResponse { request_id: request_id.to_string(), assessment })
}
