//! The command line of `clearshot`, composed of what each module wants to know; every flag has an environment twin.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clearshot_core::ingest::Limits;
use clearshot_core::load::Files;
use clearshot_core::session::DeviceConfig;

use crate::access::KeyConfig;
use crate::app::AppConfig;
use crate::bulk::source::Shard;
use crate::health::HealthConfig;
use crate::openapi::OpenapiConfig;
use crate::serve::ListenConfig;
use crate::telemetry::{LogFormat, TelemetryConfig};
use crate::upload::UploadLimits;

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
    /// Score photos without HTTP, on all cores: files, folders, lists. Exits with 0 when each was scored, with 3 when some could not
    /// be, with 1 when the run itself failed.
    Score(Box<ScoreConfig>),
    /// Tell what profiles would have decided on results of `score`, by reason.
    Backtest {
        /// Folder of the models, whose cards say what is measured.
        #[arg(long, env = "CLEARSHOT_MODELS", default_value = "models")]
        models: PathBuf,
        /// File of profiles [default: the built-in ones].
        #[arg(long, value_name = "FILE")]
        profile: Option<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Outputs of `score`: .jsonl, .csv or .parquet.
        #[arg(required = true)]
        results: Vec<PathBuf>,
    },
    /// Make an API key and add its hash to a file for `serve --keys`. The key is printed and kept nowhere.
    Key(KeyConfig),
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

/// What to score in bulk, and how.
#[derive(Clone, Debug, Args)]
pub struct ScoreConfig {
    /// Photos, folders of photos, URLs of objects or prefixes (s3://, gs://, az://), or `-` for a list of any of them on standard
    /// input, one a line.
    #[arg(required = true)]
    pub paths: Vec<OsString>,
    /// File to write, .jsonl, .csv or .parquet. Photos that it holds already are skipped, so that a run can be resumed
    /// [default: JSON Lines on standard output].
    #[arg(long, short)]
    pub output: Option<PathBuf>,
    /// Profile to judge by.
    #[arg(long, default_value = "default")]
    pub profile: String,
    /// Score only part I of N of the photos, I from 0; the part follows from a photo's path alone.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Write a contact sheet of the output, the worst photos first.
    #[arg(long, value_name = "FILE", requires = "output")]
    pub html: Option<PathBuf>,
    /// Photos on the contact sheet.
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    pub html_photos: usize,
    /// Threads that decode and score [default: one per core].
    #[arg(long, default_value_t = default_decoders())]
    pub threads: usize,
    /// Threads that read ahead; more help where photos come over a network.
    #[arg(long, default_value_t = 4)]
    pub readers: usize,
    /// Photos that a model takes at once [default: 1 on a CPU, 16 on a GPU].
    #[arg(long)]
    pub batch: Option<usize>,
    /// Largest file in bytes.
    #[arg(long, env = "CLEARSHOT_MAX_BODY_BYTES", default_value_t = UploadLimits::default().max_body_bytes)]
    pub max_file_bytes: usize,
    /// Log format.
    #[arg(long, env = "CLEARSHOT_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Files that scoring needs.
    #[command(flatten)]
    pub files: Files,
    /// Limits on images.
    #[command(flatten)]
    pub limits: Limits,
    /// What the models run on.
    #[command(flatten)]
    pub device: DeviceConfig,
}

impl ScoreConfig {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// A message that names the flag.
    pub fn validate(&self) -> Result<(), String> {
        let counts = [("--threads", self.threads), ("--readers", self.readers), ("--batch", self.batch.unwrap_or(1))];
        at_least_one(&counts)
    }
}

fn default_decoders() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn at_least_one(counts: &[(&str, usize)]) -> Result<(), String> {
    match counts.iter().find(|(_, count)| *count == 0) {
        Some((flag, _)) => Err(format!("{flag} must be at least 1")),
        None => Ok(()),
    }
}
