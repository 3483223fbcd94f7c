//! Photos of a bulk run that lie in stores.

use futures_util::TryStreamExt;
use tokio::runtime::Runtime;

use super::error::ReadError;
use crate::store::{self, Object};

/// Stores, and a way to wait for them.
pub(super) struct Stores {
    /// Network access is asynchronous; the threads of a bulk run block on it.
    runtime: Runtime,
    stores: store::Stores,
}

impl Default for Stores {
    fn default() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self { runtime: runtime.expect("threads can be started"), stores: store::Stores::default() }
    }
}

impl Stores {
    /// The object at a URL; whether it exists is found out when it is read.
    pub(super) fn object(&self, url: &str) -> Result<Object, String> {
        self.stores.object(url)
    }

    /// Hands every object below a URL to `found`, with its URL and with its path from there.
    pub(super) fn list(&self, url: &str, mut found: impl FnMut(String, &str, Object)) -> Result<(), String> {
        let url = store::parse(url)?;
        let Object { store, path: prefix } = self.object(url.as_str())?;
        self.runtime.block_on(async {
            let mut objects = store.list(Some(&prefix));
            while let Some(object) = objects.try_next().await.map_err(|error| error.to_string())? {
                let mut url = url.clone();
                let mut segments = url.path_segments_mut().map_err(|()| "it has no path".to_owned())?;
                segments.clear().extend(object.location.parts().map(|part| part.as_ref().to_owned()));
                drop(segments);
                let below = object.location.as_ref().strip_prefix(prefix.as_ref()).unwrap_or(object.location.as_ref());
                let below = below.trim_start_matches('/').to_owned();
                found(url.into(), &below, Object { store: store.clone(), path: object.location });
            }
            Ok(())
        })
    }

    /// The bytes of an object.
    pub(super) fn read(&self, object: &Object, limit: usize) -> Result<Vec<u8>, ReadError> {
        let unreadable = |error: object_store::Error| ReadError::Unreadable(error.to_string());
        self.runtime.block_on(async {
            let found = object.get().await.map_err(unreadable)?;
            if found.meta.size > limit as u64 {
                return Err(ReadError::TooLarge { limit });
            }
            found.bytes().await.map(Vec::from).map_err(unreadable)
        })
    }
}
