//! `GET /`: the page that editors judge photos on, and `GET /docs`: the API's reference. Both are embedded in the binary, use no other
//! host and run nothing that is not served here.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clearshot_core::ingest::{ENDINGS, formats_in_words};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::error::ApiError;

/// Of the page: everything from this service, photos from the browser's own memory.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Of the reference: Swagger UI sets styles inline and draws icons from data.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the page: where it is served, its type and its text.
macro_rules! part {
    ($name:literal, $content_type:expr) => {
        (concat!("/page/", $name), $content_type, include_str!(concat!("page/", $name)))
    };
}

/// What the page is made of, beside `index.html`.
const PARTS: [(&str, &str, &str); 20] = [
    part!("style.css", CSS),
    part!("icon.svg", "image/svg+xml"),
    part!("main.js", JAVASCRIPT),
    part!("correction.js", JAVASCRIPT),
    part!("csv.js", JAVASCRIPT),
    part!("detail.js", JAVASCRIPT),
    part!("dom.js", JAVASCRIPT),
    part!("drop.js", JAVASCRIPT),
    part!("gallery.js", JAVASCRIPT),
    part!("gauge.js", JAVASCRIPT),
    part!("judge.js", JAVASCRIPT),
    part!("listing.js", JAVASCRIPT),
    part!("map.js", JAVASCRIPT),
    part!("order.js", JAVASCRIPT),
    part!("posterior.js", JAVASCRIPT),
    part!("profile.js", JAVASCRIPT),
    part!("queue.js", JAVASCRIPT),
    part!("service.js", JAVASCRIPT),
    part!("summary.js", JAVASCRIPT),
    part!("thumbnail.js", JAVASCRIPT),
];

/// The page's frame, which says what may be dropped on it: what this build reads. Browsers that do not know a kind of image choose its
/// files by their endings.
static INDEX: LazyLock<String> = LazyLock::new(|| {
    let endings: Vec<String> = ENDINGS.iter().map(|ending| format!(".{ending}")).collect();
    include_str!("page/index.html").replace("{formats}", &formats_in_words()).replace("{endings}", &endings.join(","))
});

/// The page, its parts and the API's reference.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let index = Router::new().route("/", get(async || file(HTML, &INDEX)));
    let page = PARTS
        .into_iter()
        .fold(index, |page, (path, content_type, text)| page.route(path, get(async move || file(content_type, text))))
        .layer(middleware::from_fn(async |request: Request, next: Next| guarded(PAGE_POLICY, next.run(request).await)));
    let docs: Router<S> = SwaggerUi::new("/docs").config(Config::from("/openapi.json")).into();
    let docs = docs.layer(middleware::from_fn(async |request: Request, next: Next| {
        let answer = next.run(request).await;
        // Swagger's files know no problem documents.
        let missing = answer.status() == StatusCode::NOT_FOUND;
        guarded(DOCS_POLICY, if missing { ApiError::NotFound.into_response() } else { answer })
    }));
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

#[cfg(test)]
mod tests {
    use clearshot_core::checks::CHECKS;

    /// What follows `export const NAME = ` in the page's `judge.js`, up to the semicolon.
    fn constant(name: &str) -> &'static str {
        let text = include_str!("page/judge.js");
        let after = text.split(&format!("export const {name} = ")).nth(1).expect("judge.js has it");
        after.split(';').next().expect("a statement ends")
    }

    #[test]
    fn the_page_judges_by_what_the_checks_say_of_themselves() {
        let of_anything = CHECKS.iter().filter(|check| !check.of_photos).map(|check| format!("\"{}\"", check.name));
        assert_eq!(constant("OF_ANYTHING"), format!("[{}]", of_anything.collect::<Vec<_>>().join(", ")));
        let may_be_meant = CHECKS.iter().filter(|check| check.certainty < 1.0);
        let certainty: Vec<_> = may_be_meant.map(|check| format!("{}: {}", check.name, check.certainty)).collect();
        assert_eq!(constant("CERTAINTY"), format!("{{ {} }}", certainty.join(", ")));
    }

    #[test]
    fn the_page_names_the_formats_that_this_build_reads() {
        let page = &*super::INDEX;
        let list = format!("or choose some: {}. ", clearshot_core::ingest::formats_in_words());
        assert!(page.contains(&list) && !page.contains('{'), "{page}");
        assert_eq!(page.contains("AVIF") && page.contains(".avif"), cfg!(feature = "avif"));
        assert!(page.contains(".heif"), "{page}");
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/page");
        let names = std::fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it is read").file_name());
        let mut there: Vec<_> = names.map(|name| name.into_string().expect("text")).collect();
        let served = super::PARTS.iter().map(|(path, ..)| path.replace("/page/", ""));
        let mut served: Vec<_> = served.chain(["index.html".to_owned()]).collect();
        there.sort();
        served.sort();
        assert_eq!(served, there);
    }
}
