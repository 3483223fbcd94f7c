//! From the URL that a request names to the photo's first bytes.

use axum::body::Body;
use object_store::Error;
use url::Url;

use super::address::{Addresses, look_up};
use super::allowed::Allowed;
use super::web::Web;
use super::{Opened, SourceConfig};
use crate::error::{ApiError, quoted};
use crate::store::{Stores, is_store};

/// Fetches what is allowed.
#[derive(Debug)]
pub(super) struct Fetcher {
    allowed: Allowed,
    web: Web,
    stores: Stores,
}

impl Fetcher {
    pub(super) fn new(config: &SourceConfig) -> Result<Self, String> {
        let allowed = Allowed::of(&config.allow_source)?;
        let web = Web::new(allowed.clone(), Addresses::of(&config.allow_source_network)?, look_up)?;
        Ok(Self { allowed, web, stores: Stores::default() })
    }

    pub(super) async fn open(&self, source: &str) -> Result<Opened, ApiError> {
        let refused = || {
            let asked = quoted(source);
            ApiError::SourceNotAllowed(format!(
                "No photo is fetched from `{asked}`: its operator has not allowed that."
            ))
        };
        let url = Url::parse(source).ok().filter(|url| self.allowed.permit(url)).ok_or_else(refused)?;
        if is_store(&url) { self.open_object(&url).await } else { self.web.open(url).await }
    }

    async fn open_object(&self, url: &Url) -> Result<Opened, ApiError> {
        let failed = |error: &dyn std::fmt::Display, said: &str| {
            tracing::info!(store = url.host_str(), %error, "a source cannot be fetched");
            ApiError::SourceUnavailable(said.into())
        };
        let object = self.stores.object(url.as_str()).map_err(|error| failed(&error, "its store cannot be used"))?;
        let found = object.get().await.map_err(|error| match error {
            Error::NotFound { .. } => ApiError::SourceNotFound,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => failed(&error, "access is denied"),
            error => failed(&error, "its store does not give it"),
        })?;
        Ok(Opened { declared: Some(found.meta.size), body: Body::from_stream(found.into_stream()) })
    }
}
