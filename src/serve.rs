//! Running the service: load, listen, serve, drain.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use clap::Args;

use crate::app::{App, AppConfig};
use crate::crypto;
use crate::reload::{self, Watch};
use crate::router::{admin_router, router};
use crate::shutdown;

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// Where to serve, and until when.
#[derive(Clone, Debug, Args)]
pub struct ListenConfig {
    /// Address and port to listen on.
    #[arg(long, env = "CLEARSHOT_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Reload the models when their files change; SIGHUP reloads them in any case.
    #[arg(long, env = "CLEARSHOT_WATCH_MODELS")]
    pub watch_models: bool,
    /// Milliseconds to go on serving after SIGTERM, while /readyz already says 503.
    #[arg(long, env = "CLEARSHOT_SHUTDOWN_GRACE_MS", default_value_t = 5_000)]
    pub shutdown_grace_ms: u64,
}

/// Serves until asked to stop.
///
/// # Errors
/// When the configuration makes no sense, the models cannot be loaded or an address cannot be listened on.
pub async fn serve(config: ListenConfig, app: AppConfig) -> Result<()> {
    app.access.validate(config.listen)?;
    let watch = Watch::begin(&app).context("cannot listen to SIGHUP")?;
    let app = tokio::task::spawn_blocking(move || App::start(&app)).await??;
    let access = &app.config().access;
    let tls = match (&access.tls_cert, &access.tls_key) {
        (Some(certificate), Some(key)) => {
            crypto::ensure_provider();
            let loaded = RustlsConfig::from_pem_file(certificate, key).await;
            Some(loaded.with_context(|| format!("cannot serve TLS with {}", certificate.display()))?)
        }
        _ => None,
    };
    let handle = Handle::new();
    let (listener, address) = listen(config.listen)?;
    let admin = access.admin_listen.map(listen).transpose()?;
    tracing::info!(%address, "listening");
    // For whoever started it with port 0.
    println!("listening on {}://{address}", if tls.is_some() { "https" } else { "http" });
    if let Some((_, address)) = &admin {
        println!("admin routes on http://{address}");
    }
    tokio::spawn(reload::listen(Arc::clone(&app), watch, config.watch_models, tls.clone()));
    tokio::spawn({
        let (stop, handle) =
            (shutdown::requested(Arc::clone(&app), Duration::from_millis(config.shutdown_grace_ms)), handle.clone());
        async move {
            if let Err(error) = stop.await {
                tracing::error!(%error, "cannot listen to signals; stopping");
            }
            handle.graceful_shutdown(None);
        }
    });
    let admin = admin.map(|(listener, _)| run(listener, None, admin_router(&app), handle.clone()));
    let public = run(listener, tls, router(&app), handle);
    match admin {
        Some(admin) => tokio::try_join!(public, admin).map(|_| ())?,
        None => public.await?,
    }
    tracing::info!("all requests are answered; stopping");
    Ok(())
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn run(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    router: Router,
    handle: Handle<SocketAddr>,
) -> std::io::Result<()> {
    let service = router.into_make_service();
    let mut server = axum_server::from_tcp(listener)?.handle(handle).first_request_timeout(HEAD);
    // A client that never ends its head would hold a connection for good.
    server.http_builder().http1().header_read_timeout(HEAD);
    match tls {
        Some(tls) => server.acceptor(RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new())).serve(service).await,
        None => server.acceptor(NoDelayAcceptor::new()).serve(service).await,
    }
}
