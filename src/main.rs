//! `clearshot`: parse, run.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use clearshot::bulk::output::OutputError;
use clearshot::bulk::{self, BulkError, backtest, drift, duplicates, tune};
use clearshot::config::{Cli, Command};
use clearshot::{access, doctor, health, router, serve, stdout, telemetry};
use clearshot_core::privacy;
use serde::Serialize;

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
            config.limits.validate().map_err(anyhow::Error::msg)?;
            let summary = match bulk::score(&config) {
                // Whoever takes the rows has enough of them: the others are not scored, and nobody is left to tell.
                Err(BulkError::Output(OutputError::ReaderGone { .. })) => return Ok(ExitCode::from(3)),
                scored => scored?,
            };
            eprintln!("{summary}");
            return Ok(if summary.complete() { ExitCode::SUCCESS } else { ExitCode::from(3) });
        }
        Command::Backtest(config) => report(&backtest::backtest(&config)?, config.json)?,
        Command::Tune(config) => report(&tune::tune(&config)?, config.json)?,
        Command::Duplicates(config) => eprintln!("{}", duplicates::duplicates(&config)?),
        Command::Drift(config) => report(&drift::drift(&config)?, config.json)?,
        // A key that nobody read is lost: that is a failure.
        Command::Key(config) => writeln!(io::stdout(), "{}", access::add(&config)?)?,
        Command::Doctor(config) => {
            let found = doctor::examine(&config.serve);
            report(&found, config.json)?;
            return Ok(if found.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Health(config) => health::check(&config)?,
        Command::Openapi(config) => stdout::print(&router::document().text(&config))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a report: a table, or JSON.
fn report(found: &(impl Display + Serialize), json: bool) -> Result<()> {
    let text = if json { serde_json::to_string_pretty(found)? } else { found.to_string() };
    Ok(stdout::print(&format!("{text}\n"))?)
}
