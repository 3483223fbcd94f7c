//! All routes, the document that describes them, and the order of the layers around them.

use std::sync::Arc;

use axum::{Extension, Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;
use crate::http::document::DocumentText;
use crate::http::middleware::{access_log, cors, guard, panic, problem, request_id, security_headers, trace_context};
use crate::http::{batch, checks, correct, document, health, metrics, models, page, profiles, score};
use crate::openapi::Document;

/// The routes without their layers, and what describes them.
struct Api {
    /// Need a key where the service has keys.
    guarded: Router<Arc<App>>,
    /// The same, but of no interest to clients: operators may have them on a listener of their own.
    metrics: Router<Arc<App>>,
    probes: Router<Arc<App>>,
    described: Router<Arc<App>>,
    document: Document,
}

impl Api {
    fn new() -> Self {
        let guarded = OpenApiRouter::new()
            .routes(routes!(score::score))
            .routes(routes!(batch::score_batch))
            .routes(routes!(correct::correct))
            .routes(routes!(profiles::profiles))
            .routes(routes!(models::models))
            .routes(routes!(checks::checks));
        let metrics = OpenApiRouter::new().routes(routes!(metrics::metrics));
        let probes = OpenApiRouter::new()
            .routes(routes!(health::livez))
            .routes(routes!(health::readyz))
            .routes(routes!(health::healthz));
        let described = OpenApiRouter::new().routes(routes!(document::openapi));
        let (guarded, mut behind_gate) = guarded.split_for_parts();
        let (metrics, of_metrics) = metrics.split_for_parts();
        let (probes, mut open) = probes.split_for_parts();
        let (described, of_document) = described.split_for_parts();
        behind_gate.merge(of_metrics);
        open.merge(of_document);
        Self { guarded, metrics, probes, described, document: Document::new(behind_gate, open) }
    }
}

/// The document of all routes.
#[must_use]
pub fn document() -> Document {
    Api::new().document
}

/// The service.
pub fn router(app: &Arc<App>) -> Router {
    let Api { mut guarded, metrics, probes, described, document } = Api::new();
    if app.config().access.admin_listen.is_none() {
        guarded = guarded.merge(metrics);
    }
    let guarded = guarded.route_layer(middleware::from_fn_with_state(Arc::clone(app), guard::check));
    let described = described.layer(Extension(DocumentText(document.text_3_1().into())));
    with_layers(guarded.merge(probes).merge(described).merge(page::routes()), app)
}

/// What operators use, where it has a listener of its own.
pub fn admin_router(app: &Arc<App>) -> Router {
    let Api { metrics, probes, .. } = Api::new();
    with_layers(metrics.merge(probes), app)
}

/// The layers around every route, innermost first.
fn with_layers(routes: Router<Arc<App>>, app: &Arc<App>) -> Router {
    let mut routes = routes
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(panic::layer())
        .layer(middleware::from_fn_with_state(Arc::clone(app), problem::render));
    if let Some(cors) = cors::layer(&app.config().access.cors_origins) {
        routes = routes.layer(cors);
    }
    routes
        .layer(middleware::from_fn_with_state(Arc::clone(app), security_headers::set))
        .layer(middleware::from_fn_with_state(Arc::clone(app), access_log::log))
        .layer(middleware::from_fn(trace_context::follow))
        .layer(middleware::from_fn(request_id::assign))
        .with_state(Arc::clone(app))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::app::AppConfig;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        app: AppConfig,
    }

    #[tokio::test]
    async fn a_handler_that_panics_costs_its_own_request_only() {
        crate::crypto::ensure_provider();
        let app = App::start(&Flags::parse_from(["test"]).app).expect("models and ONNX Runtime are there");
        let panicking = axum::routing::get(async || -> &'static str { panic!("injected") });
        let routes =
            with_layers(Router::new().route("/panic", panicking).route("/well", axum::routing::get("well")), &app);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let get = |path: &str| reqwest::get(format!("http://{address}{path}"));
        for _ in 0..3 {
            let response = get("/panic").await.expect("an answer");
            assert_eq!(response.status(), 500);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            let id = response.headers()["x-request-id"].to_str().expect("text").to_owned();
            let document: serde_json::Value = response.json().await.expect("JSON");
            assert_eq!((&document["code"], &document["request_id"]), (&"internal".into(), &id.into()));
            assert!(!document.to_string().contains("injected"), "what it was is the log's business: {document}");
        }
        let response = get("/well").await.expect("it goes on");
        assert_eq!(response.text().await.expect("text"), "well");
        assert!(app.metrics.text().contains("clearshot_rejected_total{reason=\"internal\"} 3"));
    }
}
