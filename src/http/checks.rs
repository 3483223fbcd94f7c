//! `GET /checks`: what is measured of a photo without a model.

use axum::Json;
use clearshot_core::checks::{CHECKS, Check};
use clearshot_core::metric::Fault;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The checks.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Checks {
    /// In the order in which they are measured.
    checks: Vec<CheckDescription>,
}

/// A closed-form measurement, see docs/checks.md for its formula. Profiles may bound it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CheckDescription {
    /// Name in answers, profiles and result files.
    #[schema(example = "frame")]
    name: String,
    /// What is measured, in a few words.
    #[schema(example = "Frame around the photo")]
    title: String,
    /// Unit; empty for a plain number.
    #[schema(example = "share")]
    unit: String,
    /// What is wrong with a photo below a profile's lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    low: Option<Fault>,
    /// What is wrong with a photo above a profile's upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    high: Option<Fault>,
}

impl From<&Check> for CheckDescription {
    fn from(check: &Check) -> Self {
        let Check { name, title, unit, low, high, .. } = check;
        let [name, title, unit] = [name, title, unit].map(|text| (*text).to_owned());
        Self { name, title, unit, low: low.clone(), high: high.clone() }
    }
}

/// The checks
///
/// What is measured of each photo without a model. An answer has the values under `checks`; a profile may bound them.
#[utoipa::path(get, path = "/checks", operation_id = "checks", tag = "models",
    responses((status = 200, description = "The checks", body = Checks)))]
pub(crate) async fn checks() -> Json<Checks> {
    Json(Checks { checks: CHECKS.iter().map(CheckDescription::from).collect() })
}
