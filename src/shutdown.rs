//! Stopping without losing a request: SIGTERM turns `/readyz` to 503, the service goes on for a grace time in which load
//! balancers notice, then it stops accepting and finishes what it has. Ctrl-C skips the grace time.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;

/// Ends when the service shall stop accepting connections.
///
/// # Errors
/// When signals cannot be listened to.
pub async fn requested(app: Arc<App>, grace: Duration) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {
            app.drain();
            tracing::info!(grace_seconds = grace.as_secs_f64(), "asked to stop; draining");
            tokio::select! {
                () = tokio::time::sleep(grace) => {}
                _ = interrupt.recv() => {}
            }
        }
        _ = interrupt.recv() => app.drain(),
    }
    tracing::info!("no longer accepting connections");
    Ok(())
}
