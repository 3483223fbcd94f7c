//! New models without a restart: on SIGHUP, and with `--watch-models` whenever the files of the folder have changed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::metric::Metric;
use crate::scoring::card::{card_path, onnx_path};

/// Reloads for as long as the service runs.
///
/// # Errors
/// When signals cannot be listened to.
pub async fn listen(app: Arc<App>, models: Arc<Path>, watch: bool) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut ticks = interval(Duration::from_secs(2));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut loaded = state(&models);
    let mut seen = loaded.clone();
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            _ = ticks.tick(), if watch => {
                let now = state(&models);
                // Files are still being written while they change from one look to the next.
                let settled = now == seen;
                seen = now;
                if !settled || seen == loaded {
                    continue;
                }
            }
        }
        loaded = state(&models);
        let reloading = Arc::clone(&app);
        match tokio::task::spawn_blocking(move || reloading.reload()).await {
            Ok(Ok(())) => tracing::info!("the models were reloaded"),
            Ok(Err(error)) => tracing::error!(%error, "the new models were refused; the old go on serving"),
            Err(error) => tracing::error!(%error, "reloading panicked; the old models go on serving"),
        }
    }
}

/// Size and time of change of every file of the set; `None` where one is missing.
fn state(models: &Path) -> Vec<Option<(u64, SystemTime)>> {
    let of = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    Metric::ALL.iter().flat_map(|&metric| [of(&onnx_path(models, metric)), of(&card_path(models, metric))]).collect()
}
