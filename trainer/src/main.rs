//! `clearshot-train`: parse, run.

mod cli;
mod command;

use anyhow::Result;
use clap::Parser;
use clearshot_core::privacy;
use tracing_subscriber::EnvFilter;

/// Tensors of a step are large and short-lived; the system allocator hands each back to the kernel and faults it in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    privacy::ensure_private()?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,ort=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    cli::Cli::parse().command.run()
}
