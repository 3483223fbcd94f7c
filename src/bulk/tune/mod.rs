//! `clearshot tune`: a profile from an operator's own decisions. Half of them finds the thresholds (`thresholds`), the other half
//! `review_at` and `fail_at` with a guarantee (`risk`), which holds only for decisions that the thresholds were not fitted to.

mod report;
mod risk;
mod thresholds;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clearshot_core::checks::CHECKS;
use clearshot_core::digest::sha256_hex;
use clearshot_core::load::LoadError;
use clearshot_core::models::ModelSet;
use clearshot_core::scoring::orientation::{SIDEWAYS, UPSIDE_DOWN};
use clearshot_core::scoring::profile::{Profile, Profiles};
use clearshot_core::scoring::verdict::{Findings, Reason, judge};

use super::config::TuneConfig;
use super::decisions::{Decision, Decisions, Lookup, Verdict};
use super::error::BulkError;
use super::findings::findings;
use super::rate::Rate;
use super::results::Results;
use super::row::FlatRow;
use super::scored_by::ScoredBy;
use super::sheet;
use super::source::Sources;
use crate::replace::replace;
pub use report::{Disagreement, Rates, Silenced, Tuned};
use risk::Unkept;
pub use thresholds::Moved;

/// Decisions beyond those that a promise needs from which on thresholds are looked for.
const TO_FIT: usize = 30;

/// The probability of a photo's likeliest fault: what `review_at` and `fail_at` are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Suspicion {
    /// Against `review_at`.
    review: f32,
    /// Against `fail_at`: without faults that never fail.
    fail: f32,
}

/// A photo that was scored and decided on.
struct Decided<'a> {
    row: FlatRow,
    findings: Findings<'a>,
    decision: Decision,
}

/// Why no profile came of decisions.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// There are too few.
    #[error(
        "there are too few {what} photos with scores ({found}): to promise that at most {:.1} % of them {goes_wrong}, it takes \
         {needed} (and {} to find thresholds, too)", 100.0 * most, needed + TO_FIT
    )]
    TooFew {
        /// Accepted or rejected.
        what: &'static str,
        /// What is promised to be rare.
        goes_wrong: &'static str,
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
        /// The share that is promised.
        most: f64,
    },
    /// No number keeps a promise.
    #[error(
        "no `{field}` promises that at most {:.1} % of {what} photos {goes_wrong}: {:.1} % is the best. {why}", 100.0 * most, 100.0 * best
    )]
    Unkept {
        /// `review_at` or `fail_at`.
        field: &'static str,
        /// Accepted or rejected.
        what: &'static str,
        /// What is promised to be rare.
        goes_wrong: &'static str,
        /// The share that was asked for.
        most: f64,
        /// The smallest share that can be promised.
        best: f64,
        /// What is in the way.
        why: String,
    },
    /// The profile cannot be written.
    #[error("cannot write {path}: {reason}")]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Every reason that speaks against a photo, however improbable.
fn reasons(findings: &Findings, profile: &Profile) -> Vec<Reason> {
    judge(findings, &Profile { review_at: risk::STEP, fail_at: risk::STEP, ..profile.clone() }).reasons
}

fn suspicion(findings: &Findings, profile: &Profile) -> Suspicion {
    let mut suspicion = Suspicion::default();
    for reason in reasons(findings, profile) {
        // Even where the least is enough to fail, these do not: a turn that is not certain, and what the profile wants looked at.
        suspicion.review = suspicion.review.max(reason.probability);
        suspicion.fail = suspicion.fail.max(if reason.fails(profile) { reason.probability } else { 0.0 });
    }
    suspicion
}

/// Finds the profile and writes it.
///
/// # Errors
/// [`BulkError`]: what cannot be read or written, or why decisions allow no promise.
pub fn tune(config: &TuneConfig) -> Result<Tuned, BulkError> {
    let mut profiles = Profiles::load_or_built_in(config.profiles.as_deref()).map_err(LoadError::from)?;
    let models = ModelSet::load(&config.models).map_err(LoadError::from)?;
    profiles.check(models.metrics()).map_err(LoadError::from)?;
    let base = profiles.find(&config.name).cloned();
    let base = base.ok_or_else(|| BulkError::unknown_profile(&config.name, &profiles))?;
    check_output(&config.output, &profiles)?;
    config.html.as_deref().map_or(Ok(()), sheet::check)?;
    let decisions = Decisions::read(&config.decisions)?;
    let Taken { decided, not_measured, by_other_models } = taken(&config.scores, &decisions, &models)?;
    let tuned = find(&base, &decided, config.max_refused_good, config.max_passed_bad)?;
    profiles.put(tuned.profile.clone());
    write(&config.output, &profiles)?;
    let disagreements = report::disagreements(&decided, &tuned.profile);
    if let Some(path) = &config.html {
        let metrics: Vec<_> = models.metrics().cloned().collect();
        let note = |found: &Disagreement| {
            format!("{} by you; the probability of its likeliest fault is {:.3}", found.decision, found.probability)
        };
        let shown = disagreements.iter().take(config.html_photos);
        let rows: Vec<_> = shown.map(|found| (&decided[found.index].row, Some(note(found)))).collect();
        let intro = format!("Decisions that profile `{}` would not have made: {}.", base.name, disagreements.len());
        let (sources, limits, max_file_bytes) = (&Sources::default(), &config.limits, config.max_file_bytes);
        let reading = sheet::Reading { sources, limits, max_file_bytes };
        sheet::write_rows(path, "Disagreements".to_owned(), intro, &rows, &metrics, &reading)?;
    }
    let left_out: usize = not_measured.values().sum();
    Ok(Tuned {
        without_scores: decisions.without_scores(decided.len() + left_out),
        not_measured,
        by_other_models,
        output: config.output.clone(),
        disagreements: disagreements.into_iter().take(config.show).collect(),
        ..tuned
    })
}

/// What is taken of results and decisions.
#[derive(Default)]
struct Taken<'a> {
    /// The photos of results that were decided on.
    decided: Vec<Decided<'a>>,
    /// How many were rejected for reasons that nothing here measures, by reason.
    not_measured: BTreeMap<String, usize>,
    /// How many of those taken were scored by other models.
    by_other_models: usize,
}

fn taken<'a>(results: &[PathBuf], decisions: &Decisions, models: &'a ModelSet) -> Result<Taken<'a>, BulkError> {
    let of_checks =
        CHECKS.iter().flat_map(|check| check.low.iter().chain(&check.high)).map(|fault| fault.code.as_str());
    let of_metrics = models.metrics().flat_map(|metric| metric.codes()).map(|code| code.as_str());
    let measured: Vec<&str> = of_metrics.chain(of_checks).chain([SIDEWAYS, UPSIDE_DOWN]).collect();
    let served = ScoredBy::digest_of(models);
    let mut taken = Taken::default();
    let mut lookup = Lookup::new(decisions);
    for row in Results::with_rows(results)?.rows() {
        let row = row?;
        let Some(decision) = lookup.on(row.path()) else { continue };
        let is_theirs = row.is_made_by(&served);
        let Some(findings) = findings(&row, models, is_theirs == Some(true)) else { continue };
        match decision.reason.clone().filter(|reason| !measured.contains(&reason.as_str())) {
            Some(reason) => *taken.not_measured.entry(reason).or_default() += 1,
            None => {
                // Results of older versions do not say.
                taken.by_other_models += usize::from(is_theirs == Some(false));
                taken.decided.push(Decided { row, findings, decision });
            }
        }
    }
    lookup.end()?;
    Ok(taken)
}

/// The profile that decisions speak for.
fn find(base: &Profile, decided: &[Decided], refused_good: f64, passed_bad: f64) -> Result<Tuned, TuneError> {
    let of = |verdict: Verdict| -> Vec<&Decided> {
        let mut chosen: Vec<_> = decided.iter().filter(|decided| decided.decision.verdict == verdict).collect();
        // In an order that follows from the paths alone, and has nothing to do with what was found.
        chosen.sort_by_cached_key(|decided| sha256_hex(decided.row.path().as_bytes()));
        chosen
    };
    let (good, bad) = (of(Verdict::Accepted), of(Verdict::Rejected));
    let enough = |found: usize, most: f64, what, goes_wrong| {
        let needed = risk::needed(most);
        if found >= needed { Ok(needed) } else { Err(TuneError::TooFew { what, goes_wrong, found, needed, most }) }
    };
    let needed_good = enough(good.len(), refused_good, "accepted", "fail")?;
    let needed_bad = enough(bad.len(), passed_bad, "rejected", "pass")?;
    let fits = good.len() >= needed_good + TO_FIT && bad.len() >= needed_bad + TO_FIT;
    // Half to find thresholds, unless the promises need more.
    let part = |all: usize, needed: usize| if fits { (all / 2).min(all - needed) } else { 0 };
    let (fit_good, good) = good.split_at(part(good.len(), needed_good));
    let (fit_bad, bad) = bad.split_at(part(bad.len(), needed_bad));
    let (mut profile, moved) =
        if fits { thresholds::fit(base, &[fit_good, fit_bad].concat()) } else { (base.clone(), vec![]) };
    let suspicions = |photos: &[&Decided]| -> Vec<Suspicion> {
        photos.iter().map(|photo| suspicion(&photo.findings, &profile)).collect()
    };
    let (of_good, of_bad) = (suspicions(good), suspicions(bad));
    let fail_at = risk::fail_at(&of_good, refused_good).map_err(|Unkept { best }| TuneError::Unkept {
        field: "fail_at",
        what: "accepted",
        goes_wrong: "fail",
        most: refused_good,
        best,
        why: report::certain_faults(good, &profile),
    })?;
    let review_at = risk::review_at(&of_bad, passed_bad).map_err(|Unkept { best }| TuneError::Unkept {
        field: "review_at",
        what: "rejected",
        goes_wrong: "pass",
        most: passed_bad,
        best,
        why: report::spotless(bad, &of_bad),
    })?;
    let controlled = risk::both(review_at, fail_at);
    (profile.review_at, profile.fail_at) = (controlled.review_at, controlled.fail_at);
    let rates = report::Rates::of(&of_good, &of_bad, &profile);
    let was = [base.review_at, base.fail_at];
    let silenced = report::silenced(&profile, was);
    Ok(Tuned {
        accepted: fit_good.len() + good.len(),
        rejected: fit_bad.len() + bad.len(),
        fitted: fits.then_some(fit_good.len() + fit_bad.len()),
        to_fit: [needed_good + TO_FIT, needed_bad + TO_FIT],
        without_scores: None,
        not_measured: BTreeMap::new(),
        by_other_models: 0,
        moved,
        was,
        silenced,
        promised: [refused_good, passed_bad],
        profile,
        output: PathBuf::new(),
        rates,
        disagreements: Vec::new(),
    })
}

/// Only a file of profiles is written over, and none whose profiles the new one would lack.
fn check_output(path: &Path, profiles: &Profiles) -> Result<(), TuneError> {
    let unwritten = |reason: String| TuneError::Unwritten { path: path.to_owned(), reason };
    if !path.exists() {
        return Ok(());
    }
    let there = Profiles::load_or_built_in(Some(path))
        .map_err(|_| unwritten("it holds no profiles, and is left as it is: name another file".to_owned()))?;
    let lost = there.iter().find(|old| profiles.find(old.name.as_str()).is_none());
    lost.map_or(Ok(()), |Profile { name, .. }| {
        Err(unwritten(format!(
            "it holds a profile `{name}`, which would be lost: begin with that file (--profiles), or name another one"
        )))
    })
}

fn write(path: &Path, profiles: &Profiles) -> Result<(), TuneError> {
    let unwritten = |reason: String| TuneError::Unwritten { path: path.to_owned(), reason };
    let text = serde_json::to_string_pretty(profiles).map_err(|error| unwritten(error.to_string()))?;
    replace(path, 0o666, |file| writeln!(file, "{text}")).map_err(|error: std::io::Error| unwritten(error.to_string()))
}

/// What a profile does with decided photos, see `backtest --decisions`.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: [[usize; 3]; 2],
}

impl Tally {
    /// Counts a verdict on a decided photo.
    pub(super) fn count(&mut self, decision: Verdict, verdict: clearshot_core::scoring::verdict::Verdict) {
        use clearshot_core::scoring::verdict::Verdict as Judged;
        let judged = match verdict {
            Judged::Pass => 0,
            Judged::Unsure => 1,
            Judged::Fail => 2,
        };
        self.counts[usize::from(decision == Verdict::Rejected)][judged] += 1;
    }

    /// The rates of errors.
    pub(super) fn rates(&self) -> report::Rates {
        let [good, bad] = self.counts;
        let rate = |count, of: [usize; 3]| Rate::new(count, of.iter().sum());
        report::Rates {
            good_refused: rate(good[2], good),
            good_unsure: rate(good[1], good),
            bad_passed: rate(bad[0], bad),
            bad_unsure: rate(bad[1], bad),
        }
    }
}
