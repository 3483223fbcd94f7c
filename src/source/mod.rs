//! Photos that the service fetches itself, because a request names where they lie instead of bringing them: from the web, S3 (and what
//! speaks its protocol), Google Cloud Storage or Azure Blob Storage. Nothing is fetched unless the operator allows it by prefix.
//!
//! Whoever can make a server fetch can make it knock on doors of its own network (server-side request forgery, OWASP A10:2021).
//! `allowed` says what may be asked for, `address` where a name may lead, `web` fetches so that neither is got around.

#[cfg(feature = "object-store")]
mod address;
#[cfg(feature = "object-store")]
mod allowed;
#[cfg(feature = "object-store")]
mod fetch;
#[cfg(feature = "object-store")]
mod web;

#[cfg(feature = "object-store")]
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use clap::Args;

use crate::error::ApiError;

/// What the service may fetch.
#[derive(Clone, Debug, Args)]
pub struct SourceConfig {
    /// Prefix of URLs that requests may name as the `source` of a photo, such as `s3://bucket/uploads/` or `https://cdn.example/`; may be
    /// given several times. Without one the service fetches nothing. Stores take credentials and endpoints from the environment.
    #[arg(long, env = "CLEARSHOT_ALLOW_SOURCE", value_name = "PREFIX", value_delimiter = ',')]
    pub allow_source: Vec<String>,
    /// Network that sources on the web may lie in although it is not public, such as `10.1.0.0/16`; may be given several times.
    #[arg(long, env = "CLEARSHOT_ALLOW_SOURCE_NETWORK", value_name = "NETWORK", value_delimiter = ',')]
    pub allow_source_network: Vec<String>,
    /// Milliseconds that fetching one photo may take; never more than --deadline-ms.
    #[arg(long, env = "CLEARSHOT_SOURCE_TIMEOUT_MS", default_value_t = 10_000)]
    pub source_timeout_ms: u64,
}

/// Where the service fetches photos from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The longest that fetching one may take.
    pub(crate) timeout: Duration,
    #[cfg(feature = "object-store")]
    fetcher: Option<Arc<fetch::Fetcher>>,
}

/// A photo that begins to come.
pub(crate) struct Opened {
    pub(crate) body: Body,
    /// Its size in bytes, as far as the source says it.
    pub(crate) declared: Option<u64>,
}

impl Sources {
    /// Nothing is fetched.
    #[must_use]
    pub fn none() -> Self {
        Self {
            timeout: Duration::ZERO,
            #[cfg(feature = "object-store")]
            fetcher: None,
        }
    }

    /// What a configuration allows.
    ///
    /// # Errors
    /// A prefix or a network that is none, or a build that fetches nothing.
    pub fn of(config: &SourceConfig) -> Result<Self, String> {
        if config.allow_source.is_empty() {
            return if config.allow_source_network.is_empty() {
                Ok(Self::none())
            } else {
                Err("--allow-source-network does nothing without --allow-source.".into())
            };
        }
        #[cfg(not(feature = "object-store"))]
        return Err("--allow-source needs a build with the feature object-store.".into());
        #[cfg(feature = "object-store")]
        Ok(Self {
            timeout: Duration::from_millis(config.source_timeout_ms),
            fetcher: Some(Arc::new(fetch::Fetcher::new(config)?)),
        })
    }

    /// Begins to fetch a photo.
    ///
    /// # Errors
    /// [`ApiError::SourceNotAllowed`], [`ApiError::SourceNotFound`], [`ApiError::SourceUnavailable`].
    pub(crate) async fn open(&self, source: &str) -> Result<Opened, ApiError> {
        #[cfg(feature = "object-store")]
        if let Some(fetcher) = &self.fetcher {
            return fetcher.open(source).await;
        }
        let _ = source;
        Err(ApiError::SourceNotAllowed("This service fetches no photos: send the file itself.".into()))
    }
}
