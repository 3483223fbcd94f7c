//! `GET /profiles`: the thresholds by which photos can be judged.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clearshot_core::scoring::profile::Profiles;

use crate::app::App;

/// The profiles
///
/// Each is a name with thresholds, weights and messages; `profile=NAME` judges by it.
#[utoipa::path(get, path = "/profiles", operation_id = "profiles", tag = "scoring",
    responses((status = 200, description = "The profiles of this service", body = Profiles)))]
pub(crate) async fn profiles(State(app): State<Arc<App>>) -> Json<Profiles> {
    Json(Profiles::clone(&app.profiles))
}
