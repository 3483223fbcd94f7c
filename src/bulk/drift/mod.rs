//! `clearshot drift`: what changed from one set of results to another: verdicts, reasons, and how scores and checks are spread.

mod page;
mod shift;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use clearshot_core::checks::CHECKS;
use serde::Serialize;

use super::config::DriftConfig;
use super::error::BulkError;
use super::rate::Rate;
use super::results::Results;
use super::row::FlatRow;
use super::scored_by::ScoredBy;
use crate::words::how_many;
pub use shift::{Level, Shift, Stability};

/// What changed.
#[derive(Debug, Serialize)]
pub struct Drift {
    /// Old and new rows.
    pub photos: [usize; 2],
    /// What made them, where that is not the same.
    pub made_otherwise: Vec<String>,
    /// How far the shares of the verdicts, and of what was not scored, are apart.
    pub verdicts_stability: Stability,
    /// Old and new shares by verdict.
    pub verdicts: BTreeMap<String, [Rate; 2]>,
    /// Old and new shares by reason; a photo may have several.
    pub reasons: BTreeMap<String, [Rate; 2]>,
    /// Scores, quality and checks, the most changed first.
    pub columns: Vec<ColumnDrift>,
    /// Those that only the old or only the new rows have values of: nothing is said of them.
    pub on_one_side: OnOneSide,
}

/// Columns that cannot be compared.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct OnOneSide {
    /// Only the old rows have values.
    pub old: Vec<String>,
    /// Only the new ones have.
    pub new: Vec<String>,
}

/// What changed in one column.
#[derive(Debug, Serialize)]
pub struct ColumnDrift {
    /// The column.
    pub name: String,
    /// How it changed.
    #[serde(flatten)]
    pub shift: Shift,
}

/// What is kept of results.
#[derive(Default)]
struct Sample {
    photos: usize,
    verdicts: BTreeMap<String, usize>,
    reasons: BTreeMap<String, usize>,
    columns: BTreeMap<String, Vec<f32>>,
    made: BTreeSet<String>,
}

const NOT_SCORED: &str = "not scored";

impl Sample {
    fn read(path: &Path) -> Result<Self, BulkError> {
        let mut sample = Self::default();
        for row in Results::with_rows(&[path])?.rows() {
            sample.count(&row?);
        }
        Ok(sample)
    }

    fn count(&mut self, row: &FlatRow) {
        self.photos += 1;
        *self.verdicts.entry(row.text_of("verdict").unwrap_or(NOT_SCORED).to_owned()).or_default() += 1;
        for code in row.text_of("reasons").unwrap_or_default().split_whitespace() {
            *self.reasons.entry(code.to_owned()).or_default() += 1;
        }
        let checks = CHECKS.iter().map(|check| check.name);
        for name in row.metrics().chain(checks).chain(["quality"]) {
            if let Some(value) = row.number_of(name) {
                self.columns.entry(name.to_owned()).or_default().push(value);
            }
        }
        if let Some(ScoredBy { version, models, profile, .. }) = row.scored_by() {
            let made = format!("version {version}, models {models}, profile {profile}");
            if !self.made.contains(&made) {
                self.made.insert(made);
            }
        }
    }
}

/// Compares two results.
///
/// # Errors
/// [`BulkError`] when results cannot be read or are empty, or the page cannot be written.
pub fn drift(config: &DriftConfig) -> Result<Drift, BulkError> {
    config.html.as_deref().map_or(Ok(()), page::check)?;
    let (old, new) = (Sample::read(&config.old)?, Sample::read(&config.new)?);
    let drift = compare(old, new);
    if let Some(path) = &config.html {
        page::write(path, &drift, [&config.old, &config.new])?;
    }
    Ok(drift)
}

fn compare(old: Sample, mut new: Sample) -> Drift {
    let photos = [old.photos, new.photos];
    let both = |old: &BTreeMap<String, usize>, new: &BTreeMap<String, usize>| -> BTreeMap<String, [Rate; 2]> {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let count = |counts: &BTreeMap<String, usize>, name: &String| counts.get(name).copied().unwrap_or_default();
        let rates = |name: &String| [Rate::new(count(old, name), photos[0]), Rate::new(count(new, name), photos[1])];
        names.into_iter().map(|name| (name.clone(), rates(name))).collect()
    };
    let verdicts = both(&old.verdicts, &new.verdicts);
    let counts = |at: usize| verdicts.values().map(|rates| rates[at].count).collect::<Vec<usize>>();
    let lacking = |one: &Sample, other: &Sample| -> Vec<String> {
        one.columns.keys().filter(|name| !other.columns.contains_key(*name)).cloned().collect()
    };
    let on_one_side = OnOneSide { old: lacking(&old, &new), new: lacking(&new, &old) };
    let mut columns: Vec<ColumnDrift> = (old.columns.into_iter())
        .filter_map(|(name, values)| {
            let shift = shift::shift(values, new.columns.remove(&name)?)?;
            Some(ColumnDrift { name, shift })
        })
        .collect();
    columns.sort_by(|one, other| other.shift.stability.index.total_cmp(&one.shift.stability.index));
    let made =
        |what: &str, made: &BTreeSet<String>| made.iter().map(|made| format!("{what}: {made}")).collect::<Vec<_>>();
    Drift {
        photos,
        made_otherwise: if old.made == new.made {
            vec![]
        } else {
            [made("old", &old.made), made("new", &new.made)].concat()
        },
        verdicts_stability: Stability::of(&counts(0), &counts(1)),
        reasons: both(&old.reasons, &new.reasons),
        verdicts,
        columns,
        on_one_side,
    }
}

impl OnOneSide {
    /// The sides that have columns of their own.
    fn sides(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let sides = [("old", self.old.as_slice()), ("new", self.new.as_slice())];
        sides.into_iter().filter(|(_, names)| !names.is_empty())
    }
}

impl Stability {
    fn in_words(&self) -> String {
        match self.level {
            Level::TooFew => format!("too few to tell: {} on each side are enough", self.enough),
            Level::Same => "the same".to_owned(),
            Level::Moved => "moved".to_owned(),
            Level::Other => "another population".to_owned(),
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, new] = self.photos;
        writeln!(f, "{old} old and {}", how_many(new, "new photo"))?;
        for made in &self.made_otherwise {
            writeln!(f, "made otherwise, {made}")?;
        }
        let stability = self.verdicts_stability;
        writeln!(f, "\nverdicts: {} (stability index {:.3})", stability.in_words(), stability.index)?;
        for (name, [old, new]) in self.verdicts.iter().chain(&self.reasons) {
            writeln!(
                f,
                "  {name:<24}{:>6.1} % -> {:>5.1} % ({:.1} to {:.1} %)",
                100.0 * old.share,
                100.0 * new.share,
                100.0 * new.low,
                100.0 * new.high
            )?;
        }
        writeln!(f, "\n  {:<22}{:>9}{:>9}{:>8}{:>10}  median", "", "index", "distance", "chance", "")?;
        for ColumnDrift { name, shift } in &self.columns {
            let Shift { stability, distance, chance, medians: [old, new], .. } = shift;
            let said = stability.in_words();
            writeln!(
                f,
                "  {name:<22}{:>9.3}{distance:>9.3}{chance:>8.3}  {old:.3} -> {new:.3}  {said}",
                stability.index
            )?;
        }
        for (side, names) in self.on_one_side.sides() {
            writeln!(f, "\nonly the {side} results have: {}", names.join(", "))?;
        }
        Ok(())
    }
}
