//! Fetching from the web: nothing of the request is passed on, no proxy is asked, and each redirect has to be allowed like the first.

use std::sync::Arc;

use axum::body::Body;
use http_body::Body as _;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use url::{Host, Url};

use super::Opened;
use super::address::Addresses;
use super::allowed::Allowed;
use crate::crypto;
use crate::error::ApiError;
use crate::store::is_store;

/// Most redirects that are followed.
const REDIRECTS: usize = 3;

/// A client that reaches what is allowed, and nothing else.
#[derive(Debug)]
pub(super) struct Web {
    client: Client,
    addresses: Addresses,
}

impl Web {
    pub(super) fn new(allowed: Allowed, addresses: Addresses) -> Result<Self, String> {
        crypto::ensure_provider();
        let of_redirect = addresses.clone();
        let policy = Policy::custom(move |attempt| {
            let url = attempt.url();
            if attempt.previous().len() > REDIRECTS {
                attempt.error("there are too many redirects")
            } else if is_store(url) || !allowed.permit(url) || !permits(&of_redirect, url) {
                attempt.error("a redirect leads to where nothing is fetched from")
            } else {
                attempt.follow()
            }
        });
        let client = Client::builder()
            .user_agent(concat!("clearshot/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(addresses.clone()))
            .redirect(policy)
            .referer(false)
            // A proxy would resolve names itself.
            .no_proxy()
            .build();
        Ok(Self { client: client.map_err(|error| format!("HTTP cannot be used for sources: {error}."))?, addresses })
    }

    /// Begins to fetch what lies at a URL that is allowed.
    pub(super) async fn open(&self, url: Url) -> Result<Opened, ApiError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let failed = |error: &dyn std::fmt::Display, said: &str| {
            // Of the URL the host alone: a query may hold a signature.
            tracing::info!(host, %error, "a source cannot be fetched");
            ApiError::SourceUnavailable(said.into())
        };
        if !permits(&self.addresses, &url) {
            return Err(failed(&"it is an address that is not public", "it cannot be reached"));
        }
        let request = self.client.get(url).header(ACCEPT, HeaderValue::from_static("image/*"));
        let request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let sent = request.send().await.map_err(reqwest::Error::without_url);
        let response = sent.map_err(|error| {
            let said = if error.is_redirect() {
                "it redirects to where nothing is fetched from"
            } else {
                "it cannot be reached"
            };
            failed(&causes(&error), said)
        })?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(ApiError::SourceNotFound),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(failed(&status, "access is denied"));
            }
            status => return Err(failed(&status, "its server does not give it")),
        }
        let body = reqwest::Body::from(response);
        Ok(Opened { declared: body.size_hint().exact(), body: Body::new(body) })
    }
}

/// Whether an address that stands in the URL itself, where no resolver sees it, may be connected to.
fn permits(addresses: &Addresses, url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => addresses.permit(address.into()),
        Some(Host::Ipv6(address)) => addresses.permit(address.into()),
        Some(Host::Domain(_)) | None => true,
    }
}

/// An error with what it came from.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
