//! `GET /models`: the cards of the models in use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clearshot_core::platform::Platform;
use clearshot_core::scoring::card::ModelCard;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;

/// Models in use.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Models {
    /// Execution provider of ONNX Runtime in use.
    #[schema(example = "cpu")]
    provider: String,
    /// Build and processor, which decide the last digits of a score.
    #[serde(flatten)]
    platform: Platform,
    /// One card for each metric.
    models: Vec<ModelCard>,
}

/// The model cards
///
/// What each model is for, what it was trained on, how its output is calibrated, and its figures on held-out photos.
#[utoipa::path(get, path = "/models", operation_id = "models", tag = "models",
    responses((status = 200, description = "The models in use", body = Models)))]
pub(crate) async fn models(State(app): State<Arc<App>>) -> Json<Models> {
    let models = app.engine.load().models().cards().cloned().collect();
    Json(Models { provider: app.provider.clone(), platform: Platform::current(), models })
}
