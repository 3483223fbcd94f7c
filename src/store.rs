//! Objects in S3 (and what speaks its protocol), Google Cloud Storage and Azure Blob Storage. Credentials and endpoints come from
//! the environment variables that those services' own tools read, see docs/scale.md.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::path::Path;
use object_store::{GetResult, ObjectStore, ObjectStoreExt};
use url::Url;

use crate::crypto;

/// An object in a store.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
}

impl Object {
    /// Begins to read it; the store's client retries what may pass.
    pub(crate) async fn get(&self) -> object_store::Result<GetResult> {
        self.store.get(&self.path).await
    }
}

/// Stores by the URL of their root, opened when first needed.
#[derive(Debug)]
pub(crate) struct Stores {
    opened: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Default for Stores {
    fn default() -> Self {
        crypto::ensure_provider();
        Self { opened: Mutex::default() }
    }
}

impl Stores {
    /// The object at a URL; whether it exists is found out when it is read.
    pub(crate) fn object(&self, url: &str) -> Result<Object, String> {
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
}

/// Kinds of stores; of their URLs the host is the bucket or container, by which stores are kept.
const SCHEMES: [&str; 8] = ["s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"];

/// True for a URL of a store.
pub(crate) fn is_store(url: &Url) -> bool {
    SCHEMES.contains(&url.scheme())
}

/// The URL of something in a store.
pub(crate) fn parse(url: &str) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    if is_store(&url) {
        Ok(url)
    } else {
        Err(format!("`{}` is no object store: s3, gs, az or abfss is expected", url.scheme()))
    }
}
