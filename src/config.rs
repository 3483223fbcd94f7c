//! The command line of `clearshot`; every flag has an environment twin.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use clap::{Args, Parser, Subcommand};
use clearshot_core::ingest::Limits;
use clearshot_core::load::Files;
use clearshot_core::session::DeviceConfig;

use crate::bulk::source::Shard;
use crate::engine::EngineConfig;
use crate::http::upload::UploadLimits;
use crate::telemetry::{LogFormat, TelemetryConfig};

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
    Key {
        /// Names whoever gets the key, in logs and metrics.
        name: String,
        /// File of keys; made if it is not there.
        #[arg(long, env = "CLEARSHOT_KEYS", value_name = "FILE")]
        keys: PathBuf,
        /// Most requests a minute [default: no limit].
        #[arg(long)]
        requests_per_minute: Option<NonZeroU32>,
        /// Most requests at once after a pause [default: a minute's worth].
        #[arg(long, requires = "requests_per_minute")]
        burst: Option<NonZeroU32>,
    },
    /// Exit with 0 if a service is ready, with 1 and the reason if not: for a container's health check.
    Health {
        /// Address and port that the service listens on.
        #[arg(long, env = "CLEARSHOT_LISTEN", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Its --admin-listen, if it has one, which is asked instead; needed where --listen speaks TLS.
        #[arg(long, env = "CLEARSHOT_ADMIN_LISTEN")]
        admin_listen: Option<SocketAddr>,
    },
    /// Print the API's OpenAPI document.
    Openapi {
        /// As OpenAPI 3.0, for generators that know no other.
        #[arg(long = "3.0")]
        older: bool,
    },
}

/// How to serve.
#[derive(Clone, Debug, Args)]
pub struct ServeConfig {
    /// Address and port to listen on.
    #[arg(long, env = "CLEARSHOT_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Files that scoring needs.
    #[command(flatten)]
    pub files: Files,
    /// Reload the models when their files change; SIGHUP reloads them in any case.
    #[arg(long, env = "CLEARSHOT_WATCH_MODELS")]
    pub watch_models: bool,
    /// What is told, and to whom.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Who may use the service, and from where.
    #[command(flatten)]
    pub access: AccessConfig,
    /// Requests being read, decoded or scored at once; further ones are refused with 503.
    #[arg(long, env = "CLEARSHOT_MAX_IN_FLIGHT", default_value_t = 64)]
    pub max_in_flight: usize,
    /// Photos decoded at once [default: one per core].
    #[arg(long, env = "CLEARSHOT_DECODERS", default_value_t = default_decoders())]
    pub decoders: usize,
    /// Milliseconds from the first byte of a request to its answer.
    #[arg(long, env = "CLEARSHOT_DEADLINE_MS", default_value_t = 30_000)]
    pub deadline_ms: u64,
    /// Milliseconds to go on serving after SIGTERM, while /readyz already says 503.
    #[arg(long, env = "CLEARSHOT_SHUTDOWN_GRACE_MS", default_value_t = 5_000)]
    pub shutdown_grace_ms: u64,
    /// Limits on images.
    #[command(flatten)]
    pub limits: Limits,
    /// Limits on request bodies.
    #[command(flatten)]
    pub upload_limits: UploadLimits,
    /// How the models run.
    #[command(flatten)]
    pub engine: EngineConfig,
}

/// Who may use the service, and from where.
#[derive(Clone, Debug, Default, Args)]
pub struct AccessConfig {
    /// File of API keys, see `clearshot key`. Requests then need one; a change of the file is noticed within seconds.
    #[arg(long, env = "CLEARSHOT_KEYS", value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Serve without keys on an address that others can reach.
    #[arg(long, env = "CLEARSHOT_ALLOW_ANONYMOUS")]
    pub allow_anonymous: bool,
    /// Address and port for /metrics and the probes; /metrics is then served there only, and without a key.
    #[arg(long, env = "CLEARSHOT_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
    /// Certificate chain (PEM) to serve --listen by TLS with; a change of the file is noticed within seconds.
    #[arg(long, env = "CLEARSHOT_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate.
    #[arg(long, env = "CLEARSHOT_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Origins (https://portal.example) whose pages may use the service from a browser, comma-separated [default: none].
    #[arg(long, env = "CLEARSHOT_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<HeaderValue>,
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

pub(crate) fn at_least_one(counts: &[(&str, usize)]) -> Result<(), String> {
    match counts.iter().find(|(_, count)| *count == 0) {
        Some((flag, _)) => Err(format!("{flag} must be at least 1")),
        None => Ok(()),
    }
}

impl ServeConfig {
    /// Checks that the numbers make sense together.
    ///
    /// # Errors
    /// A message that names the flag.
    pub fn validate(&self) -> Result<(), String> {
        if !self.listen.ip().is_loopback() && self.access.keys.is_none() && !self.access.allow_anonymous {
            return Err(format!(
                "others can reach {}: give --keys FILE (see `clearshot key`), or --allow-anonymous to serve anybody",
                self.listen
            ));
        }
        let deadline = usize::try_from(self.deadline_ms).unwrap_or(usize::MAX);
        at_least_one(&[
            ("--max-in-flight", self.max_in_flight),
            ("--decoders", self.decoders),
            ("--deadline-ms", deadline),
        ])?;
        self.engine.validate()
    }

    /// Time from the first byte of a request to its answer.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// Time to go on serving after SIGTERM.
    #[must_use]
    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_millis(self.shutdown_grace_ms)
    }
}
