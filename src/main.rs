//! `clearshot`: parse, run.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use clearshot::bulk::{self, backtest, drift, duplicates, tune};
use clearshot::config::{Cli, Command};
use clearshot::{access, doctor, health, router, serve, telemetry};
use clearshot_core::privacy;

fn main() -> Result<ExitCode> {
    privacy::ensure_private()?;
    match Cli::parse().command {
        Command::Serve(config) => {
            let _telemetry = telemetry::init(&config.telemetry)?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let served = runtime.block_on(serve::serve(config.listen, config.app));
            // A photo that is being decoded cannot be interrupted, and nobody waits for it any more.
            runtime.shutdown_timeout(Duration::from_secs(1));
            served?;
        }
        Command::Score(config) => {
            let _telemetry = telemetry::init(&config.log_format.into())?;
            let summary = bulk::score(&config)?;
            eprintln!("{summary}");
            return Ok(if summary.complete() { ExitCode::SUCCESS } else { ExitCode::from(3) });
        }
        Command::Backtest(config) => {
            let found = backtest::backtest(&config)?;
            println!("{}", if config.json { serde_json::to_string_pretty(&found)? } else { found.to_string() });
        }
        Command::Tune(config) => {
            let tuned = tune::tune(&config)?;
            println!("{}", if config.json { serde_json::to_string_pretty(&tuned)? } else { tuned.to_string() });
        }
        Command::Duplicates(config) => eprintln!("{}", duplicates::duplicates(&config)?),
        Command::Drift(config) => {
            let found = drift::drift(&config)?;
            println!("{}", if config.json { serde_json::to_string_pretty(&found)? } else { found.to_string() });
        }
        Command::Key(config) => println!("{}", access::add(&config)?),
        Command::Doctor(config) => {
            let found = doctor::examine(&config.serve);
            println!("{}", if config.json { serde_json::to_string_pretty(&found)? } else { found.to_string() });
            return Ok(if found.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Health(config) => health::check(&config)?,
        Command::Openapi(config) => print!("{}", router::document().text(&config)),
    }
    Ok(ExitCode::SUCCESS)
}
