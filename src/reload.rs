//! Changes without a restart: models on SIGHUP, and with `--watch-models` whenever their files have changed; keys and certificate
//! whenever theirs have, and on SIGHUP, too.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::app::{App, AppConfig};
use crate::certificate::Certificate;

/// Lists files anew at each look: a folder may get more.
type List = Box<dyn Fn() -> Vec<PathBuf> + Send>;

/// Files that belong together, and what they looked like.
struct Watched {
    files: List,
    loaded: State,
    seen: State,
}

/// Path, size, number and time of change of each file that is there.
type State = Vec<(PathBuf, u64, u64, SystemTime)>;

impl Watched {
    fn new(files: List) -> Self {
        let loaded = state(files());
        Self { files, seen: loaded.clone(), loaded }
    }

    /// True when the files are others than those that were loaded, and are no longer being written: nothing changed from one look to
    /// the next.
    fn changed(&mut self) -> bool {
        let now = state((self.files)());
        let settled = now == self.seen;
        self.seen = now;
        let changed = settled && self.seen != self.loaded;
        if changed {
            self.loaded.clone_from(&self.seen);
        }
        changed
    }
}

fn state(mut files: Vec<PathBuf>) -> State {
    files.sort();
    let of = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, metadata.len(), metadata.ino(), metadata.modified().ok()?))
    };
    files.into_iter().filter_map(of).collect()
}

/// What is watched, as it was when the watch began.
pub struct Watch {
    models: Watched,
    keys: Watched,
    certificate: Watched,
    hangup: Signal,
}

impl Watch {
    /// Begins to watch, and to take SIGHUP. This comes before anything is read: what changes while the service starts (a key is
    /// revoked) is a change then, and a SIGHUP does not end the process.
    ///
    /// # Errors
    /// When the signal cannot be listened to.
    pub fn begin(config: &AppConfig) -> io::Result<Self> {
        let files = |paths: [&Option<PathBuf>; 2]| -> List {
            let paths: Vec<PathBuf> = paths.into_iter().flatten().cloned().collect();
            Box::new(move || paths.clone())
        };
        let (models, access) = (config.files.models.clone(), &config.access);
        Ok(Self {
            models: Watched::new(Box::new(move || model_files(&models))),
            keys: Watched::new(files([&access.keys, &None])),
            certificate: Watched::new(files([&access.tls_cert, &access.tls_key])),
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Reloads for as long as the service runs; models whose files have changed only if `watch_models`.
pub async fn listen(app: Arc<App>, watch: Watch, watch_models: bool, tls: Option<Arc<Certificate>>) {
    let access = &app.config().access;
    let Watch { mut models, mut keys, mut certificate, mut hangup } = watch;
    let mut ticks = interval(Duration::from_secs(2));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            _ = ticks.tick() => false,
        };
        // Each is looked at, so that what a SIGHUP loads does not count as a change afterwards.
        let (new_models, new_keys, new_certificate) = (models.changed(), keys.changed(), certificate.changed());
        if asked || new_models && watch_models {
            reload_models(&app).await;
        }
        if let (Some(path), true) = (&access.keys, asked || new_keys) {
            match app.reload_keys() {
                Ok(()) => tracing::info!(keys = app.keys().map(|keys| keys.len()), "the keys were reloaded"),
                Err(error) => tracing::error!(%error, path = %path.display(), "the old keys go on"),
            }
        }
        if let (Some(tls), true) = (&tls, asked || new_certificate) {
            match tls.reload() {
                Ok(()) => tracing::info!("the certificate was reloaded"),
                Err(error) => tracing::error!(%error, "the new certificate was refused; the old one goes on"),
            }
        }
    }
}

async fn reload_models(app: &Arc<App>) {
    let reloading = Arc::clone(app);
    match tokio::task::spawn_blocking(move || reloading.reload()).await {
        Ok(Ok(())) => tracing::info!("the models were reloaded"),
        Ok(Err(error)) => tracing::error!(%error, "the new models were refused; the old go on serving"),
        Err(error) => tracing::error!(%error, "reloading panicked; the old models go on serving"),
    }
}

fn model_files(models: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(models).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
