//! `GET /`: a page to try the service on, and `GET /docs`: the API's reference. Both are embedded in the binary, use no other
//! host and run nothing that is not served here.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Of the page: everything from this service, photos from the browser's own memory.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Of the reference: Swagger UI sets styles inline and draws icons from data.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, its parts and the API's reference.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page = Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("page/index.html"))))
        .route("/page/style.css", get(async || file("text/css; charset=utf-8", include_str!("page/style.css"))))
        .route("/page/script.js", get(async || file("text/javascript; charset=utf-8", include_str!("page/script.js"))))
        .route("/page/icon.svg", get(async || file("image/svg+xml", include_str!("page/icon.svg"))))
        .layer(middleware::from_fn(async |request: Request, next: Next| guarded(PAGE_POLICY, next.run(request).await)));
    let docs: Router<S> = SwaggerUi::new("/docs").config(Config::from("/openapi.json")).into();
    let docs = docs
        .layer(middleware::from_fn(async |request: Request, next: Next| guarded(DOCS_POLICY, next.run(request).await)));
    page.merge(docs)
}

fn file(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")], text)
}

fn guarded(policy: &'static str, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
