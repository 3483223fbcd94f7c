//! `clearshot`: parse, run.

use anyhow::Result;
use clap::Parser;
use clearshot::config::{Cli, Command};
use clearshot::{health, openapi, serve, telemetry};

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Serve(config) => {
            telemetry::init(config.log_format);
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(serve::serve(*config))
        }
        Command::Health { listen } => health::check(listen),
        Command::Openapi { older } => {
            print!("{}", if older { openapi::document_3_0() } else { openapi::document() });
            Ok(())
        }
    }
}
