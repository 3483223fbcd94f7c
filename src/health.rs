//! `clearshot health`: asks a service whether it is ready; what a container's health check runs, where there is no curl.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

const PATIENCE: Duration = Duration::from_secs(2);

/// The service to ask.
#[derive(Debug, Args)]
pub struct HealthConfig {
    /// Address and port that the service listens on.
    #[arg(long, env = "CLEARSHOT_LISTEN", value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Its --admin-listen, if it has one, which is asked instead; needed where --listen speaks TLS.
    #[arg(long, env = "CLEARSHOT_ADMIN_LISTEN", value_name = "IP:PORT")]
    pub admin_listen: Option<SocketAddr>,
}

/// Asks `/readyz` of the service; all addresses (0.0.0.0) stand for this machine.
///
/// # Errors
/// When nothing answers in time, or anything but 200.
pub fn check(config: &HealthConfig) -> Result<()> {
    let mut address = config.admin_listen.unwrap_or(config.listen);
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("nothing listens on {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // At once: who expects TLS hangs up after the first bytes.
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = Vec::new();
    match BufReader::new(stream).read_until(b'\n', &mut line) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        read => {
            read.with_context(|| format!("{address} does not answer"))?;
        }
    }
    let status = String::from_utf8_lossy(&line);
    if !status.starts_with("HTTP/") {
        bail!("{address} does not speak plain HTTP: where it serves TLS, ask the address of its --admin-listen");
    }
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => bail!("{address} is not ready: {}", status.trim()),
    }
}
