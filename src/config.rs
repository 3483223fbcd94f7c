//! The command line of `clearshot`; every flag has an environment twin.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::engine::EngineConfig;
use crate::ingest::Limits;
use crate::telemetry::LogFormat;

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
    /// Exit with 0 if a service is ready, with 1 and the reason if not: for a container's health check.
    Health {
        /// Address and port that the service listens on.
        #[arg(long, env = "CLEARSHOT_LISTEN", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
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
    /// Folder of the models and their cards.
    #[arg(long, env = "CLEARSHOT_MODELS", default_value = "models")]
    pub models: PathBuf,
    /// File of profiles (see docs/profiles.md) in the place of the built-in ones; read at the start.
    #[arg(long, env = "CLEARSHOT_PROFILES")]
    pub profiles: Option<PathBuf>,
    /// Reload the models when their files change; SIGHUP reloads them in any case.
    #[arg(long, env = "CLEARSHOT_WATCH_MODELS")]
    pub watch_models: bool,
    /// ONNX Runtime's library; default: where scripts/setup-onnxruntime put it, else the system's.
    #[arg(long, env = "ORT_DYLIB_PATH")]
    pub onnxruntime: Option<PathBuf>,
    /// Log format.
    #[arg(long, env = "CLEARSHOT_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
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
    /// Limits on uploads.
    #[command(flatten)]
    pub limits: Limits,
    /// How the models run.
    #[command(flatten)]
    pub engine: EngineConfig,
}

fn default_decoders() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl ServeConfig {
    /// Checks that the numbers make sense together.
    ///
    /// # Errors
    /// A message that names the flag.
    pub fn validate(&self) -> Result<(), String> {
        if self.max_in_flight == 0 || self.decoders == 0 {
            return Err("--max-in-flight and --decoders must be at least 1".into());
        }
        if self.deadline_ms == 0 {
            return Err("--deadline-ms must be at least 1".into());
        }
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
