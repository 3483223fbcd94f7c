//! `clearshot score` and `clearshot backtest`: photos by the million, without HTTP.

pub mod backtest;
mod config;
mod error;
pub mod output;
mod pool;
pub mod row;
mod sheet;
pub mod source;
#[cfg(feature = "object-store")]
mod store;

use std::collections::{BTreeMap, HashSet};
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearshot_core::assessment::versions;
use clearshot_core::load::{LoadError, Loaded, load};
use clearshot_core::metric::Metric;
use clearshot_core::models::ModelSet;
use indicatif::{ProgressBar, ProgressStyle};

pub use config::{BacktestConfig, ScoreConfig};
pub use error::{BulkError, ReadError};
use output::{Known, Output};
use pool::{Outcome, Pool, Sizes};
use row::{Row, ScoredBy};
use source::{PhotoSource, Shard, Sources};

/// How often a run whose progress nobody watches logs it.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Photos by verdict.
    pub verdicts: BTreeMap<&'static str, usize>,
    /// Photos that never will be scored.
    pub refused: usize,
    /// Photos that could not be read this time; the next run tries them again.
    pub unread: usize,
    /// Photos that the output held already.
    pub skipped: usize,
    /// Time that scoring took.
    pub took: Duration,
}

impl Summary {
    /// True when every photo of the run was scored.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.refused == 0 && self.unread == 0
    }

    fn done(&self) -> usize {
        self.verdicts.values().sum::<usize>() + self.refused + self.unread
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (done, seconds) = (self.done(), self.took.as_secs_f64());
        write!(f, "{done} photos in {seconds:.1} s ({:.1}/s)", done as f64 / seconds.max(f64::MIN_POSITIVE))?;
        for (verdict, count) in &self.verdicts {
            write!(f, ", {count} {verdict}")?;
        }
        for (count, what) in [
            (self.refused, "refused"),
            (self.unread, "could not be read"),
            (self.skipped, "skipped: the output holds them"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// Scores the photos that `config` names.
///
/// # Errors
/// [`BulkError`]. A photo that cannot be scored is no error: see [`Summary`].
pub fn score(config: &ScoreConfig) -> Result<Summary, BulkError> {
    let Loaded { runtime, models, profiles } = load(&config.files, config.device)?;
    let models = Arc::new(models);
    let profile = profiles.find(&config.profile).cloned();
    let profile = profile.ok_or_else(|| BulkError::UnknownProfile(config.profile.clone()))?;
    let (mut output, known) = open(config, &models)?;

    let sources = Sources::default();
    let mut summary = Summary::default();
    let mut photos = sources.list(&config.paths, config.shard.unwrap_or(Shard::WHOLE))?;
    let mut seen = HashSet::new();
    photos.retain(|photo| {
        let held = known.paths.contains(&photo.path);
        summary.skipped += usize::from(held);
        !held && seen.insert(photo.path.clone())
    });

    let on_gpu = runtime.provider() != "cpu";
    let sizes = Sizes {
        readers: config.readers.get(),
        workers: config.threads.get(),
        sessions: if on_gpu { 2 } else { config.threads.get() },
        batch: config.batch.map_or(if on_gpu { 16 } else { 1 }, NonZeroUsize::get),
        max_file_bytes: config.max_file_bytes,
    };
    let pool = Pool::new(&runtime, Arc::clone(&models), profile, config.limits, config.memory.decode(), sizes)
        .map_err(LoadError::from)?;

    let started = Instant::now();
    let progress = Progress::start(photos.len());
    pool.run(&sources, &photos, |photo, outcome| {
        let row = summary.count(photo, outcome, &progress);
        progress.step(&summary);
        row.map_or(Ok(()), |row| output.write(row))
    })?;
    progress.end();
    summary.took = started.elapsed();
    output.finish()?;
    if let (Some(sheet), Some(output)) = (&config.html, &config.output) {
        let metrics: Vec<Metric> = models.metrics().cloned().collect();
        sheet::write(sheet, output, &metrics, config.html_photos, &sources, &config.limits, config.max_file_bytes)?;
    }
    Ok(summary)
}

/// Opens the output and makes sure that what it holds compares with what will come.
fn open(config: &ScoreConfig, models: &ModelSet) -> Result<(Output, Known), BulkError> {
    let Some(path) = &config.output else { return Ok((Output::stdout(), Known::default())) };
    let metrics: Vec<&str> = models.metrics().map(|metric| metric.name.as_str()).collect();
    let (output, known) = Output::open(path, row::columns(&metrics))?;
    let new = (config.profile.clone(), versions(models));
    match &known.scored_by {
        Some(old) if *old != new => {
            let words = |(profile, models): &ScoredBy| {
                format!("profile {profile} by {}", models.values().map(String::as_str).collect::<Vec<_>>().join(", "))
            };
            Err(BulkError::Mixed { path: path.clone(), old: words(old), new: words(&new) })
        }
        _ => Ok((output, known)),
    }
}

impl Summary {
    /// Counts what came of a photo; the row to write, if there is one.
    fn count(&mut self, photo: &PhotoSource, outcome: Outcome, progress: &Progress) -> Option<Row> {
        let path = photo.path.clone();
        match outcome {
            Outcome::Scored(assessment) => {
                *self.verdicts.entry(assessment.verdict.name()).or_default() += 1;
                Some(Row { path, assessment: Some(*assessment), problem: None })
            }
            Outcome::Refused(refusal) => {
                self.refused += 1;
                Some(Row { path, assessment: None, problem: Some(refusal) })
            }
            // No row, so that the next run tries again.
            Outcome::Unread(reason) => {
                self.unread += 1;
                progress.say(|| tracing::warn!(path, reason, "cannot be read"));
                None
            }
        }
    }
}

/// A bar where somebody looks, a line now and then where nobody does.
struct Progress {
    bar: ProgressBar,
    watched: bool,
    logged: std::cell::Cell<Instant>,
}

impl Progress {
    fn start(photos: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} photos, {per_sec}, {eta} left, {msg}");
        let bar = ProgressBar::new(photos as u64);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, watched: std::io::stderr().is_terminal(), logged: Instant::now().into() }
    }

    fn step(&self, summary: &Summary) {
        self.bar.inc(1);
        let failed = summary.refused + summary.unread;
        if self.watched {
            self.bar.set_message(format!("{failed} not scored"));
        } else if self.logged.get().elapsed() > LOG_EVERY {
            self.logged.set(Instant::now());
            let (done, rate, left) = (self.bar.position(), self.bar.per_sec(), self.bar.eta().as_secs());
            tracing::info!(done, of = self.bar.length(), per_second = rate, seconds_left = left, failed, "scoring");
        }
    }

    fn say(&self, speak: impl FnOnce()) {
        self.bar.suspend(speak);
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
