//! Running the service: load, listen, serve, drain. A connection's way: [`listener`] -> [`connection`], which knows by
//! its `pulse` how long it may wait for its client.

mod answer;
mod connection;
mod line;
mod listener;
mod pulse;

use std::net::{SocketAddr, TcpListener};
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::sync::watch;

use self::connection::Connections;
use crate::app::{App, AppConfig};
use crate::certificate::Certificate;
use crate::reload::{self, Watch};
use crate::router::{admin_router, router};
use crate::shutdown::{Signals, Stage};
use crate::stdout;

/// Where to serve, and until when.
#[derive(Clone, Debug, Args)]
pub struct ListenConfig {
    /// Address and port to listen on.
    #[arg(long, env = "CLEARSHOT_LISTEN", value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Reload the models when their files change; SIGHUP reloads them in any case.
    #[arg(long, env = "CLEARSHOT_WATCH_MODELS")]
    pub watch_models: bool,
    /// Milliseconds to go on serving after SIGTERM, while /readyz already says 503 and every answer closes its
    /// connection.
    #[arg(long, env = "CLEARSHOT_SHUTDOWN_GRACE_MS", default_value_t = 5_000)]
    pub shutdown_grace_ms: u64,
    /// Most milliseconds after the grace time in which what was begun is finished; what is not done then is dropped. Keep it
    /// longer than --deadline-ms, which is the most that a photo takes.
    #[arg(long, env = "CLEARSHOT_DRAIN_MS", default_value_t = 32_000)]
    pub drain_ms: u64,
    /// What connections may do.
    #[command(flatten)]
    pub connections: ConnectionConfig,
}

/// Limits on connections.
#[derive(Clone, Copy, Debug, Args)]
pub struct ConnectionConfig {
    /// Milliseconds for which a connection is kept after an answer. Keep it longer than the proxy before the service does,
    /// or the proxy sends requests into connections that are just being closed.
    #[arg(long, env = "CLEARSHOT_KEEP_ALIVE_MS", default_value = "75000")]
    pub keep_alive_ms: NonZeroU64,
    /// Milliseconds after which a client that takes nothing of its answer is let go.
    #[arg(long, env = "CLEARSHOT_WRITE_TIMEOUT_MS", default_value = "30000")]
    pub write_timeout_ms: NonZeroU64,
    /// Most open connections of a listener; further ones wait to be accepted. Each takes a file descriptor.
    #[arg(long, env = "CLEARSHOT_MAX_CONNECTIONS", default_value = "1000")]
    pub max_connections: NonZeroUsize,
}

/// Serves until asked to stop.
///
/// # Errors
/// When the configuration makes no sense, the models cannot be loaded or an address cannot be listened on.
pub async fn serve(config: ListenConfig, app: AppConfig) -> Result<()> {
    app.access.validate(config.listen)?;
    let files = Watch::begin(&app).context("cannot listen to SIGHUP")?;
    let app = tokio::task::spawn_blocking(move || App::start(&app)).await??;
    let access = &app.config().access;
    let certificate = match (&access.tls_cert, &access.tls_key) {
        (Some(chain), Some(key)) => Some(Arc::new(Certificate::load(chain, key).context("cannot serve TLS")?)),
        _ => None,
    };
    let signals = Signals::listen().context("cannot listen to signals")?;
    let (listener, address) = listen(config.listen)?;
    let admin = access.admin_listen.map(listen).transpose()?;
    tracing::info!(%address, "listening");
    // For whoever started it with port 0.
    let scheme = if certificate.is_some() { "https" } else { "http" };
    stdout::print(&format!("listening on {scheme}://{address}\n"))?;
    if let Some((_, address)) = &admin {
        stdout::print(&format!("admin routes on http://{address}\n"))?;
    }
    tokio::spawn(reload::listen(Arc::clone(&app), files, config.watch_models, certificate.clone()));
    let (sender, stage) = watch::channel(Stage::Serving);
    let [grace, drain] = [config.shutdown_grace_ms, config.drain_ms].map(Duration::from_millis);
    tokio::spawn(signals.follow(Arc::clone(&app), grace, drain, sender));
    let public = Connections::new(router(&app), certificate, config.connections, stage.clone());
    let public = listener::run(listener, public);
    let cut_off = match admin {
        Some((listener, _)) => {
            let admin = Connections::new(admin_router(&app), None, config.connections, stage);
            let (public, admin) = tokio::try_join!(public, listener::run(listener, admin))?;
            public + admin
        }
        None => public.await?,
    };
    if cut_off == 0 {
        tracing::info!("all requests are answered; stopping");
    } else {
        tracing::warn!(connections = cut_off, "the time is over; stopping with connections that were not done");
    }
    Ok(())
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
