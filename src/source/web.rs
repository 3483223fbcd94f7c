//! Fetching from the web: nothing of the request is passed on, no proxy is asked, and each redirect has to be allowed like the first.

use std::sync::Arc;

use axum::body::Body;
use http_body::Body as _;
use reqwest::dns::{Name, Resolving};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use url::{Host, Url};

use super::Opened;
use super::address::{Addresses, Checked};
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
    /// `lookup` is asked what a name leads to: once for each connection.
    pub(super) fn new(
        allowed: Allowed,
        addresses: Addresses,
        lookup: impl Fn(Name) -> Resolving + Send + Sync + 'static,
    ) -> Result<Self, String> {
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
            .dns_resolver(Arc::new(Checked { addresses: addresses.clone(), lookup }))
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

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::io::{BufRead, BufReader, ErrorKind, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use reqwest::dns::Addrs;

    use super::*;

    /// Of this machine's addresses the one at which sources may lie, and one that nobody may connect to.
    const ALLOWED: Ipv4Addr = Ipv4Addr::LOCALHOST;
    const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
    /// What a name leads to, as one lookup after the other says.
    const ANSWERS: [&[Ipv4Addr]; 4] = [&[ALLOWED], &[OTHER], &[ALLOWED, OTHER], &[OTHER, ALLOWED]];

    /// Two listeners on one port: one that gives a photo to whoever connects, and the one at the other address, which waits for nobody.
    fn listeners() -> (u16, TcpListener) {
        let allowed = TcpListener::bind((ALLOWED, 0)).expect("a free port");
        let port = allowed.local_addr().expect("an address").port();
        let other = TcpListener::bind((OTHER, port)).expect("the same port");
        other.set_nonblocking(true).expect("it can be set");
        thread::spawn(move || {
            for stream in allowed.incoming().flatten() {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                assert!(lines.take_while(|line| !line.is_empty()).count() > 0, "a request has a head");
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nphoto";
                (&stream).write_all(answer).expect("it is read");
            }
        });
        (port, other)
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_leads_only_to_an_address_that_was_checked() {
        let (port, other) = listeners();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let lookup = move |_: Name| -> Resolving {
            let answer = ANSWERS[counted.fetch_add(1, Ordering::SeqCst) % ANSWERS.len()];
            Box::pin(ready(Ok(Box::new(answer.iter().map(|&address| SocketAddr::from((address, 0)))) as Addrs)))
        };
        let allowed = Allowed::of(&[format!("http://photos.example:{port}/")]).expect("a prefix");
        let addresses = Addresses::of(&[ALLOWED.to_string()]).expect("a network");
        let web = Web::new(allowed, addresses, lookup).expect("a client");
        let url = Url::parse(&format!("http://photos.example:{port}/photo.jpg")).expect("a URL");
        for (count, answer) in (1..).zip(ANSWERS) {
            let opened = tokio::time::timeout(Duration::from_secs(10), web.open(url.clone())).await;
            let photo = match opened.expect("neither the photo nor a refusal takes long") {
                Ok(opened) => Some(axum::body::to_bytes(opened.body, 100).await.expect("a body")),
                Err(ApiError::SourceUnavailable(_)) => None,
                Err(error) => panic!("{answer:?}: {error}"),
            };
            assert_eq!(photo.as_deref(), (answer == [ALLOWED]).then_some(&b"photo"[..]), "{answer:?}");
            assert_eq!(asked.load(Ordering::SeqCst), count, "what is checked and what is connected to are one answer");
            let connected = other.accept().map_err(|error| error.kind());
            assert!(matches!(connected, Err(ErrorKind::WouldBlock)), "{answer:?} led to {OTHER}");
        }
    }
}
