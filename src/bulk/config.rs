//! The command lines of bulk scoring and of what is done with its results.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use clearshot_core::ingest::Limits;
use clearshot_core::load::Files;
use clearshot_core::session::DeviceConfig;

use super::shard::Shard;
use crate::memory::MemoryConfig;
use crate::telemetry::LogFormat;
use crate::upload::UploadLimits;

/// What to score in bulk, and how.
#[derive(Clone, Debug, Args)]
pub struct ScoreConfig {
    /// Photos, folders of photos, URLs of objects or prefixes (s3://, gs://, az://; a prefix ends in a slash), or `-` for a list of any
    /// of them on standard input, one a line. Below folders and prefixes hidden files and what is no photo are left out.
    #[arg(required = true)]
    pub paths: Vec<OsString>,
    /// File to write, .jsonl, .csv or .parquet. Photos that it holds already are skipped, so that a run can be resumed; a file that is
    /// no output, or one of another profile, models, limits or version, is refused [default: JSON Lines on standard output].
    #[arg(long, short)]
    pub output: Option<PathBuf>,
    /// Name of the profile to judge by.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub profile: String,
    /// Score only part I of N of the photos, I from 0; the part follows from a photo's path alone.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Write a contact sheet of the output, the worst photos first; only a sheet is written over.
    #[arg(long, value_name = "FILE", requires = "output")]
    pub html: Option<PathBuf>,
    /// Photos on the contact sheet.
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    pub html_photos: usize,
    /// Threads that decode and score; unless given, one per core.
    #[arg(long, default_value_t = cores())]
    pub threads: NonZeroUsize,
    /// Threads that read ahead; more help where photos come over a network.
    #[arg(long, default_value = "4")]
    pub readers: NonZeroUsize,
    /// Photos that a model takes at once [default: 1 on a CPU, 16 on a GPU].
    #[arg(long)]
    pub batch: Option<NonZeroUsize>,
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
    /// What decoding may take.
    #[command(flatten)]
    pub memory: MemoryConfig,
    /// What the models run on.
    #[command(flatten)]
    pub device: DeviceConfig,
}

/// Which results to judge again, and how.
#[derive(Clone, Debug, Args)]
pub struct BacktestConfig {
    /// Folder of the models, whose cards say what is measured.
    #[arg(long, env = "CLEARSHOT_MODELS", default_value = "models")]
    pub models: PathBuf,
    /// File of profiles [default: the built-in ones].
    #[arg(long, alias = "profile", value_name = "FILE")]
    pub profiles: Option<PathBuf>,
    /// What was decided on the photos, as a CSV file or a folder (see `clearshot tune --help`): adds to each profile how many accepted
    /// ones it refuses and how many rejected ones it lets pass.
    #[arg(long, value_name = "PATH")]
    pub decisions: Option<PathBuf>,
    /// Another file of profiles: adds, photo by photo, what the profile of the same name there decides otherwise.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Name of one profile to compare each with, of the file that `--compare` names or else of `--profiles`: adds, photo by photo, what
    /// that one decides otherwise.
    #[arg(long, value_name = "NAME")]
    pub compare_profile: Option<String>,
    /// Photos listed that the comparison finds.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub show: usize,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Outputs of `score`: .jsonl, .csv or .parquet, taken together; of a path that comes again the last row counts.
    #[arg(required = true)]
    pub results: Vec<PathBuf>,
}

/// Which decisions to make a profile of, and what it has to promise.
#[derive(Clone, Debug, Args)]
pub struct TuneConfig {
    /// Outputs of `score`: .jsonl, .csv or .parquet, taken together; of a path that comes again the last row counts.
    #[arg(long, value_name = "RESULTS", required = true, num_args = 1..)]
    pub scores: Vec<PathBuf>,
    /// What was decided on the photos: a CSV file with the columns `path` (as in the results), `decision` (`accepted` or `rejected`)
    /// and, if you like, `reason` (a reason's code; what is rejected for another reason is left out), or a folder that was scored, with
    /// the folders `accepted` and `rejected` in it.
    #[arg(long)]
    pub decisions: PathBuf,
    /// Largest share of good photos that may fail.
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = share)]
    pub max_refused_good: f64,
    /// Largest share of bad photos that may pass.
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub max_passed_bad: f64,
    /// File of profiles to write, for `serve --profiles`; only a file of profiles is written over, and only where
    /// the new one lacks none of them.
    #[arg(long, short, value_name = "FILE", default_value = "profiles.json")]
    pub output: PathBuf,
    /// File of profiles to begin with [default: the built-in ones].
    #[arg(long, alias = "profile", value_name = "FILE")]
    pub profiles: Option<PathBuf>,
    /// Name of the profile of that file to tune; the others stay as they are.
    #[arg(long, default_value = "default")]
    pub name: String,
    /// Folder of the models, whose cards say what is measured.
    #[arg(long, env = "CLEARSHOT_MODELS", default_value = "models")]
    pub models: PathBuf,
    /// Photos listed on which decisions and profile disagree most.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub show: usize,
    /// Write a contact sheet of them; only a sheet is written over.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Photos on the contact sheet.
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub html_photos: usize,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Largest file in bytes that is read for the contact sheet.
    #[arg(long, env = "CLEARSHOT_MAX_BODY_BYTES", default_value_t = UploadLimits::default().max_body_bytes)]
    pub max_file_bytes: usize,
    /// Limits on images of the contact sheet.
    #[command(flatten)]
    pub limits: Limits,
}

/// Results in which to look for photos that show the same.
#[derive(Clone, Debug, Args)]
pub struct DuplicatesConfig {
    /// Outputs of `score`: .jsonl, .csv or .parquet, taken together; of a path that comes again the last row counts.
    #[arg(required = true)]
    pub results: Vec<PathBuf>,
    /// CSV file to write, one row for each photo that another one resembles: its group, whether to keep it, its path. Only such a file
    /// is written over [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Results to compare.
#[derive(Clone, Debug, Args)]
pub struct DriftConfig {
    /// Output of `score` to compare with: .jsonl, .csv or .parquet.
    pub old: PathBuf,
    /// Another one, later or of another source.
    pub new: PathBuf,
    /// Write a page with the old and the new spread of each score and check; only a page of ours is written over.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("it must lie above 0 and below 1".to_owned()),
    }
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
