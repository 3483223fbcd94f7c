//! Probes: alive, ready, and both in words.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::may_answer;
use crate::app::App;
use crate::error::ApiError;

/// The process is alive.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Live {
    /// Always `alive`.
    #[schema(example = "alive")]
    status: String,
}

/// The service is ready.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Ready {
    /// Always `ready`; a service that is not answers 503.
    #[schema(example = "ready")]
    status: String,
    /// Execution provider of ONNX Runtime in use.
    #[schema(example = "cpu")]
    provider: String,
    /// Version of the service.
    #[schema(example = "0.2.0")]
    version: String,
}

/// Is the process alive?
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "health",
    responses((status = 200, description = "The process is alive", body = Live)))]
pub(crate) async fn livez() -> Json<Live> {
    Json(Live { status: "alive".into() })
}

may_answer!(ReadyProblems: DRAINING);

/// Is the service ready?
///
/// Overload does not change the answer; only shutting down does.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "health", responses(
    (status = 200, description = "Models are warm and the service is not shutting down", body = Ready),
    ReadyProblems,
))]
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Ready>, ApiError> {
    if app.is_draining() {
        return Err(ApiError::Draining);
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Json(Ready { status: "ready".into(), provider: app.provider.clone(), version }))
}

/// The same as `/readyz`, for load balancers that expect this name.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "health", responses(
    (status = 200, description = "Models are warm and the service is not shutting down", body = Ready),
    ReadyProblems,
))]
pub(crate) async fn healthz(app: State<Arc<App>>) -> Result<Json<Ready>, ApiError> {
    readyz(app).await
}
