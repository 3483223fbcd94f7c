//! Photos by the million, without HTTP: `clearshot score`, and what is done with its results.

pub mod backtest;
mod config;
pub mod decisions;
pub mod drift;
pub mod duplicates;
mod error;
mod findings;
pub mod output;
mod pool;
pub mod rate;
mod results;
pub mod row;
pub mod scored_by;
pub mod shard;
mod sheet;
pub mod source;
#[cfg(feature = "object-store")]
mod store;
pub mod tune;

use std::collections::{BTreeMap, HashSet};
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearshot_core::load::{LoadError, Loaded, load};
use clearshot_core::metric::Metric;
use clearshot_core::models::ModelSet;
use indicatif::{ProgressBar, ProgressStyle};

pub use config::{BacktestConfig, DriftConfig, DuplicatesConfig, ScoreConfig, TuneConfig};
pub use error::{BulkError, ReadError};
use output::{Known, Output};
use pool::{Outcome, Pool, Sizes};
use row::Row;
use scored_by::ScoredBy;
use shard::Shard;
use source::{PhotoSource, Sources};

use crate::error::INTERNAL;
use crate::words::how_many;

/// How often a run whose progress nobody watches logs it.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Photos in a row on which the models could not run, with none between that was scored, after which a run ends. Each of them was tried
/// beside a picture on which they could not run either, so that a folder of photos that no model takes ends none.
const MOST_FAILED_IN_A_ROW: usize = 20;

/// Most kinds of files that a summary lists.
const KINDS: usize = 12;

/// What a file without an ending is that turned out to be no photo.
const NO_PHOTO: &str = "without an ending";

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Photos by verdict.
    pub verdicts: BTreeMap<&'static str, usize>,
    /// Photos that never will be scored: they cannot be decoded, or the models fail on them and on no others.
    pub refused: usize,
    /// Photos that could not be read this time; the next run tries them again.
    pub unread: usize,
    /// Photos on which the models could not run this time; the next run tries them again.
    pub failed: usize,
    /// Photos that the output held already.
    pub skipped: usize,
    /// Files below folders and prefixes that are no photos or hidden, by kind; no loss to the run.
    pub left_out: BTreeMap<String, usize>,
    /// Time that scoring took.
    pub took: Duration,
}

impl Summary {
    /// True when every photo that the output did not hold already was scored.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.lost() == 0
    }

    fn done(&self) -> usize {
        self.verdicts.values().sum::<usize>() + self.lost()
    }

    fn lost(&self) -> usize {
        self.refused + self.unread + self.failed
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (done, seconds) = (self.done(), self.took.as_secs_f64());
        let photos = how_many(done, "photo");
        write!(f, "{photos} in {seconds:.1} s ({:.1}/s)", done as f64 / seconds.max(f64::MIN_POSITIVE))?;
        for (verdict, count) in &self.verdicts {
            write!(f, ", {count} {verdict}")?;
        }
        for (count, what) in [
            (self.refused, "refused"),
            (self.unread, "could not be read"),
            (self.failed, "on which the models could not run: the next run tries them again"),
            (self.skipped, "skipped: the output holds them"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        let mut left_out: Vec<_> = self.left_out.iter().collect();
        left_out.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (index, (kind, count)) in left_out.iter().take(KINDS).enumerate() {
            write!(f, "{}{count} {kind}", if index == 0 { "; left out: " } else { ", " })?;
        }
        match left_out.iter().skip(KINDS).map(|(_, count)| **count).sum() {
            0 => {}
            more => write!(f, ", {more} of other kinds")?,
        }
        // Most often a path is wrong; of a shard it may be so.
        if done + self.skipped == 0 { write!(f, "; this run found no photo") } else { Ok(()) }
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
    let profile = profile.ok_or_else(|| BulkError::unknown_profile(&config.profile, &profiles))?;
    let made = ScoredBy::new(&runtime, &models, &profile, &config.limits, config.max_file_bytes);
    let (mut output, known) = open(config, &models, &made)?;
    config.html.as_deref().map_or(Ok(()), sheet::check)?;

    let sources = Sources::default();
    let source::Listing { mut photos, left_out, .. } =
        sources.list(&config.paths, config.shard.unwrap_or(Shard::WHOLE));
    let mut summary = Summary { left_out, ..Summary::default() };
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
    };
    let pool = Pool::new(&runtime, &models, &profile, config.limits, config.memory.decode(), sizes)
        .map_err(LoadError::from)?;

    let started = Instant::now();
    let progress = Progress::start(photos.len());
    let read = |photo: &PhotoSource| sources.read(photo, config.max_file_bytes);
    let mut failed_in_a_row = 0;
    let ran = pool.run(read, &photos, |photo, outcome| {
        match &outcome {
            Outcome::Scored(_) => failed_in_a_row = 0,
            Outcome::Failed(_) if failed_in_a_row + 1 < MOST_FAILED_IN_A_ROW => failed_in_a_row += 1,
            Outcome::Failed(reason) => {
                return Err(BulkError::ModelsFail { in_a_row: MOST_FAILED_IN_A_ROW, reason: reason.clone() });
            }
            Outcome::Refused(_) | Outcome::Unread(_) | Outcome::NoPhoto => {}
        }
        let row = summary.count(photo, outcome, &made, &progress);
        progress.step(&summary);
        row.map_or(Ok(()), |row| output.write(row).map_err(BulkError::from))
    });
    progress.end();
    ran?;
    summary.took = started.elapsed();
    output.finish()?;
    if let (Some(sheet), Some(output)) = (&config.html, &config.output) {
        let metrics: Vec<Metric> = models.metrics().cloned().collect();
        let (sources, limits, max_file_bytes) = (&sources, &config.limits, config.max_file_bytes);
        let reading = sheet::Reading { sources, limits, max_file_bytes };
        sheet::write(sheet, output, &metrics, config.html_photos, &reading)?;
    }
    Ok(summary)
}

/// Opens the output, where what it holds compares with what will come.
fn open(config: &ScoreConfig, models: &ModelSet, made: &ScoredBy) -> Result<(Output, Known), BulkError> {
    let Some(path) = &config.output else { return Ok((Output::stdout(), Known::default())) };
    let metrics: Vec<&str> = models.metrics().map(|metric| metric.name.as_str()).collect();
    let labels: Vec<&str> = models.labelling().map(|card| card.metric.name.as_str()).collect();
    let (output, known) = Output::open(path, row::columns(&metrics, &labels), made)?;
    if let Some(there) = &known.other_build {
        let path = path.display();
        tracing::warn!(%path, there, here = made.build, "the output holds scores of another build: last digits may differ");
    }
    Ok((output, known))
}

impl Summary {
    /// Counts what came of a photo; the row to write, if there is one.
    fn count(&mut self, photo: &PhotoSource, outcome: Outcome, made: &ScoredBy, progress: &Progress) -> Option<Row> {
        let path = photo.path.clone();
        let row = |assessment, problem| Some(Row { path, assessment, problem, scored_by: Some(made.clone()) });
        match outcome {
            Outcome::Scored(assessment) => {
                *self.verdicts.entry(assessment.verdict.name()).or_default() += 1;
                row(Some(*assessment), None)
            }
            Outcome::Refused(refusal) => {
                self.refused += 1;
                // What is no fault of the file's is of interest to more than whoever reads its row.
                if refusal.code == INTERNAL.code {
                    progress
                        .say(|| tracing::warn!(path = photo.path, reason = refusal.detail, "the models fail on it"));
                }
                row(None, Some(refusal))
            }
            // No row, so that the next run tries again.
            Outcome::Unread(reason) => {
                self.unread += 1;
                progress.say(|| tracing::warn!(path = photo.path, reason, "cannot be read"));
                None
            }
            Outcome::Failed(reason) => {
                self.failed += 1;
                progress.say(|| tracing::warn!(path = photo.path, reason, "the models cannot run"));
                None
            }
            Outcome::NoPhoto => {
                *self.left_out.entry(NO_PHOTO.to_owned()).or_default() += 1;
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
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len}, {per_sec}, {eta} left, {msg}");
        let bar = ProgressBar::new(photos as u64);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, watched: std::io::stderr().is_terminal(), logged: Instant::now().into() }
    }

    fn step(&self, summary: &Summary) {
        self.bar.inc(1);
        let failed = summary.lost();
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
