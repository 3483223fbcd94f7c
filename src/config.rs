//! The command line of `clearshot`, composed of the configuration of each module.

use clap::{Args, Parser, Subcommand};

use crate::access::KeyConfig;
use crate::app::AppConfig;
use crate::bulk::{BacktestConfig, DriftConfig, DuplicatesConfig, ScoreConfig, TuneConfig};
use crate::doctor::DoctorConfig;
use crate::health::HealthConfig;
use crate::openapi::OpenapiConfig;
use crate::serve::ListenConfig;
use crate::telemetry::TelemetryConfig;

/// Scores photos for blur, brightness and tilt.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `clearshot` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the HTTP API.
    Serve(Box<ServeConfig>),
    /// Score photos without HTTP, on all cores: files, folders, lists. Exits with 0 when each that the output did not hold already
    /// was scored, with 3 when some could not be, with 1 when the run itself failed.
    Score(Box<ScoreConfig>),
    /// Tell what profiles would have decided on results of `score`, by reason.
    Backtest(BacktestConfig),
    /// Make a profile of your own decisions: thresholds, and from which probability on a photo is looked at or refused so that no more
    /// good photos are refused, and bad ones let through, than you say. Exits with 1 and the reason where the decisions do not allow
    /// that.
    Tune(Box<TuneConfig>),
    /// Tell which photos of results show the same (copies that were recompressed, resized or slightly cropped), and which of them to
    /// keep by verdict, quality (to ten points) and size. Millions of rows fit into memory: about 180 bytes each.
    Duplicates(DuplicatesConfig),
    /// Tell what changed from one output of `score` to another: verdicts, reasons, and how scores and checks are spread.
    Drift(DriftConfig),
    /// Make an API key and add its hash to a file for `serve --keys`. The key is printed and kept nowhere.
    Key(KeyConfig),
    /// Tell what `serve` with the same flags would find here, what is wrong with it and how to mend it: library, models, device, cores,
    /// memory, keys, ports. Scores a photo. Exits with 1 where the service would not work.
    Doctor(Box<DoctorConfig>),
    /// Exit with 0 if a service is ready, with 1 and the reason if not: for a container's health check.
    Health(HealthConfig),
    /// Print the API's OpenAPI document.
    Openapi(OpenapiConfig),
}

/// How to serve.
#[derive(Clone, Debug, Args)]
pub struct ServeConfig {
    /// Where to serve, and until when.
    #[command(flatten)]
    pub listen: ListenConfig,
    /// What requests are answered with, and how many at once.
    #[command(flatten)]
    pub app: AppConfig,
    /// How the service is observed.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}
