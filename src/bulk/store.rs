//! Photos in S3 (and what speaks its protocol), Google Cloud Storage and Azure Blob Storage. Credentials and endpoints come from
//! the environment variables that those services' own tools read, see docs/operations.md.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;
use url::Url;

use super::error::ReadError;
use crate::crypto;

/// A photo in a store.
#[derive(Clone, Debug)]
pub(super) struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

/// Stores by the URL of their root, opened when first needed.
pub(super) struct Stores {
    /// Network access is asynchronous; the threads of a bulk run block on it.
    runtime: Runtime,
    opened: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Default for Stores {
    fn default() -> Self {
        crypto::ensure_provider();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self { runtime: runtime.expect("threads can be started"), opened: Mutex::default() }
    }
}

impl Stores {
    /// The object at a URL; whether it exists is found out when it is read.
    pub(super) fn object(&self, url: &str) -> Result<Object, String> {
        let parsed = parse(url)?;
        let (_, path) = object_store::ObjectStoreScheme::parse(&parsed).map_err(|error| error.to_string())?;
        let root = parsed[..url::Position::BeforePath].to_owned();
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(&root) {
            return Ok(Object { store: Arc::clone(store), path });
        }
        let settings = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, _) = object_store::parse_url_opts(&parsed, settings).map_err(|error| error.to_string())?;
        let store: Arc<dyn ObjectStore> = Arc::from(store);
        opened.insert(root, Arc::clone(&store));
        Ok(Object { store, path })
    }

    /// Hands every object below a URL to `found`, with its URL and with its path from there.
    pub(super) fn list(&self, url: &str, mut found: impl FnMut(String, &str, Object)) -> Result<(), String> {
        let Object { store, path: prefix } = self.object(url)?;
        let url = parse(url)?;
        self.runtime.block_on(async {
            let mut objects = store.list(Some(&prefix));
            while let Some(object) = objects.try_next().await.map_err(|error| error.to_string())? {
                let mut url = url.clone();
                let mut segments = url.path_segments_mut().map_err(|()| "it has no path".to_owned())?;
                segments.clear().extend(object.location.parts().map(|part| part.as_ref().to_owned()));
                drop(segments);
                let below = object.location.as_ref().strip_prefix(prefix.as_ref()).unwrap_or(object.location.as_ref());
                let below = below.trim_start_matches('/').to_owned();
                found(url.into(), &below, Object { store: Arc::clone(&store), path: object.location });
            }
            Ok(())
        })
    }

    /// The bytes of an object; the store's client retries what may pass.
    pub(super) fn read(&self, object: &Object, limit: usize) -> Result<Vec<u8>, ReadError> {
        let unreadable = |error: object_store::Error| ReadError::Unreadable(error.to_string());
        self.runtime.block_on(async {
            let found = object.store.get(&object.path).await.map_err(unreadable)?;
            if found.meta.size > limit as u64 {
                return Err(ReadError::TooLarge { limit });
            }
            found.bytes().await.map(Vec::from).map_err(unreadable)
        })
    }
}

/// Only URLs whose host is the bucket or container: stores are kept by that.
fn parse(url: &str) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    match url.scheme() {
        "s3" | "s3a" | "gs" | "az" | "azure" | "adl" | "abfs" | "abfss" => Ok(url),
        other => Err(format!("`{other}` is no object store: s3, gs, az or abfss is expected")),
    }
}
