//! Running the service: load, listen, serve, drain.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use crate::app::App;
use crate::config::ServeConfig;
use crate::reload;
use crate::router::router;
use crate::shutdown;

/// Serves until asked to stop.
///
/// # Errors
/// When the models cannot be loaded or the address cannot be listened on.
pub async fn serve(config: ServeConfig) -> Result<()> {
    let loading = config.clone();
    let app = tokio::task::spawn_blocking(move || App::start(&loading)).await??;
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let address: SocketAddr = listener.local_addr()?;
    tracing::info!(%address, "listening");
    // For whoever started it with port 0.
    println!("listening on http://{address}");
    tokio::spawn({
        let (app, models) = (Arc::clone(&app), Arc::from(config.files.models.as_path()));
        async move {
            if let Err(error) = reload::listen(app, models, config.watch_models).await {
                tracing::error!(%error, "cannot listen to SIGHUP: models are not reloaded");
            }
        }
    });
    let stop = shutdown::requested(Arc::clone(&app), config.shutdown_grace());
    let server = axum::serve(listener, router(app)).with_graceful_shutdown(async move {
        if let Err(error) = stop.await {
            tracing::error!(%error, "cannot listen to signals; stopping");
        }
    });
    server.into_future().await?;
    tracing::info!("all requests are answered; stopping");
    Ok(())
}
