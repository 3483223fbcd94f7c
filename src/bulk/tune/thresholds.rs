//! Thresholds from decisions: those that make the decisions most likely (maximum likelihood), found one after the other.
//!
//! An operator who rejects what lies beyond some threshold rejects a photo as probably as its true value lies beyond it: with `p_m` the
//! probability of the fault of metric `m`, and `e` the share of slips,
//!
//! ```text
//! P(rejected) = e + (1 - 2e) (1 - product of (1 - p_m))
//! ```
//!
//! Where the reason is known, only its metric's `p_m` counts. A threshold moves, and a check that refuses what the operator accepts is
//! left out, only where that makes the decisions likelier than chance would (a likelihood-ratio test at 5 %; Wilks, 1938). Here
//! `p_m` takes true values beyond the thresholds, and those within, for evenly spread: an operator's rejected photos are mostly clearly faulty.
//! Where nearly as many are expected right behind a threshold as before it, as in a verdict, a threshold would hardly move.

use clearshot_core::scoring::posterior::Beyond;
use clearshot_core::scoring::profile::{Band, Profile};
use clearshot_core::scoring::verdict::{Findings, Measurement};

use super::{Decided, reasons};
use crate::bulk::decisions::Verdict;

/// Decisions that are no more than slips: without them, one would move a threshold however far.
const SLIPS: f64 = 0.02;
/// Gain in log-likelihood from which on a threshold is taken to be another: half of the 95 % quantile of chi-squared with one degree.
const GAIN: f64 = 1.92;
/// From one threshold that is tried to the next.
const FACTOR: f32 = 1.08;
/// How many are tried to either side.
const TRIED: i32 = 20;
/// Rounds over all thresholds at most; each ends where the last one changed nothing.
const ROUNDS: usize = 6;

/// A change that decisions speak for.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Moved {
    /// The metric or check.
    pub name: String,
    /// Which end of it: `low` or `high`.
    pub end: &'static str,
    /// Where it was.
    pub from: f32,
    /// Where it is; nothing where a check is left out.
    pub to: Option<f32>,
}

/// A decision with what is known of its photo under the thresholds at hand.
struct Photo<'a> {
    findings: &'a Findings<'a>,
    rejected: bool,
    reason: Option<&'a str>,
    /// Probability of a fault that no metric's threshold moves: of checks and of a turn.
    fixed: f64,
    /// By metric, in the order of the findings.
    faults: Vec<f64>,
}

impl Photo<'_> {
    fn log_likelihood(&self) -> f64 {
        let of_reason = self.reason.filter(|_| self.rejected).and_then(|code| {
            let at = self.findings.metrics.iter().position(|found| found.metric.codes().any(|known| *known == *code));
            self.faults.get(at?).copied()
        });
        let sound: f64 = self.faults.iter().map(|fault| 1.0 - fault).product::<f64>() * (1.0 - self.fixed);
        let rejected = SLIPS + (1.0 - 2.0 * SLIPS) * of_reason.unwrap_or(1.0 - sound);
        if self.rejected { rejected.ln() } else { (1.0 - rejected).ln() }
    }
}

fn fault(found: &Measurement, band: Option<Band>, fixed: f64) -> f64 {
    // What is no photo is not judged as one.
    let band = band.filter(|_| fixed < 1.0);
    let Some(band) = band else { return 0.0 };
    let [min, max] = found.metric.range.map(f64::from);
    let least = band.low.map_or(min, f64::from);
    let within = (f64::from(band.high) - least) / (max - min);
    let shown = &found.distribution;
    let [low, high] = [band.low.map_or(0.0, |low| shown.below(low)), shown.above(band.high)];
    let share = f64::from(band.expected_share);
    let [of_beyond, of_within] = [share / (1.0 - within).max(f64::EPSILON), (1.0 - share) / within.max(f64::EPSILON)];
    let total = (low + high) * of_beyond + (1.0 - low - high).max(0.0) * of_within;
    Beyond { low: low * of_beyond / total, high: high * of_beyond / total }.fault(found.metric)
}

fn total(photos: &[Photo]) -> f64 {
    photos.iter().map(Photo::log_likelihood).sum()
}

/// The profile with the thresholds that decisions speak for, and what moved.
pub(super) fn fit(profile: &Profile, decided: &[&Decided]) -> (Profile, Vec<Moved>) {
    let mut profile = profile.clone();
    let mut moved = leave_out_checks(&mut profile, decided);
    let mut photos = photos(&profile, decided);
    let before = profile.clone();
    for _ in 0..ROUNDS {
        let names: Vec<String> = profile.bands.keys().cloned().collect();
        let changes = names.iter().map(|name| fit_band(&mut profile, name, &mut photos)).filter(|changed| *changed);
        if changes.count() == 0 {
            break;
        }
    }
    for (name, old) in &before.bands {
        let new = profile.bands[name];
        let ends = [("low", old.low, new.low), ("high", Some(old.high), Some(new.high))];
        for (end, from, to) in ends {
            if let Some(from) = from.filter(|_| from != to) {
                moved.push(Moved { name: name.clone(), end, from, to });
            }
        }
    }
    (profile, moved)
}

fn photos<'a>(profile: &Profile, decided: &[&'a Decided]) -> Vec<Photo<'a>> {
    let mut without_bands = profile.clone();
    without_bands.bands.clear();
    let photo = |decided: &&'a Decided| {
        let findings = &decided.findings;
        let fixed = reasons(findings, &without_bands).iter().map(|reason| reason.probability).fold(0.0, f32::max);
        let fixed = f64::from(fixed);
        let faults = findings.metrics.iter().map(|found| fault(found, profile.band(&found.metric.name), fixed));
        Photo {
            findings,
            rejected: decided.decision.verdict == Verdict::Rejected,
            reason: decided.decision.reason.as_deref(),
            fixed,
            faults: faults.collect(),
        }
    };
    decided.iter().map(photo).collect()
}

/// Leaves out checks that refuse what is accepted.
fn leave_out_checks(profile: &mut Profile, decided: &[&Decided]) -> Vec<Moved> {
    let mut moved = Vec::new();
    let mut best = total(&photos(profile, decided));
    for (name, bound) in profile.checks.clone() {
        let mut without = profile.clone();
        without.checks.remove(&name);
        let likelihood = total(&photos(&without, decided));
        if likelihood > best + GAIN {
            (best, *profile) = (likelihood, without);
            let ends = [("low", bound.low), ("high", bound.high)].into_iter();
            moved.extend(ends.filter_map(|(end, from)| Some(Moved { name: name.clone(), end, from: from?, to: None })));
        }
    }
    moved
}

/// Moves the ends of a band to where decisions are likeliest; true where one moved.
fn fit_band(profile: &mut Profile, name: &str, photos: &mut [Photo]) -> bool {
    let place = |photo: &Photo| photo.findings.metrics.iter().position(|found| found.metric.name == *name);
    let Some(metric) = photos.iter().find_map(|photo| Some(photo.findings.metrics[place(photo)?].metric)) else {
        return false;
    };
    let start = profile.bands[name];
    let low = |band: Band, factor: f32| Band { low: band.low.map(|low| low * factor), ..band };
    let high = |band: Band, factor: f32| Band { high: band.high * factor, ..band };
    let both = |band: Band, factor: f32| high(low(band, factor), factor);
    let ends: &[&dyn Fn(Band, f32) -> Band] = if metric.is_one_fault() {
        &[&both]
    } else if start.low.is_some() {
        &[&low, &high]
    } else {
        &[&high]
    };
    let set = |photos: &mut [Photo], band: Band| {
        for photo in photos {
            // Results of other models may lack a metric before it.
            if let Some(at) = place(photo) {
                photo.faults[at] = fault(&photo.findings.metrics[at], Some(band), photo.fixed);
            }
        }
    };
    let (mut best, mut best_band) = (total(photos), start);
    for scaled in ends {
        let from = best_band;
        for step in (-TRIED..=TRIED).filter(|step| *step != 0) {
            let band = rounded(scaled(from, FACTOR.powi(step)));
            let [min, max] = metric.range;
            if band.high > max || band.high <= 0.0 || band.low.is_some_and(|low| low < min || low >= 0.0) {
                continue;
            }
            set(photos, band);
            let likelihood = total(photos);
            // The first step away has to be worth it; from there on the best counts.
            if likelihood > best + if best_band == from { GAIN } else { 0.0 } {
                (best, best_band) = (likelihood, band);
            }
        }
    }
    set(photos, best_band);
    profile.bands.insert(name.to_owned(), best_band);
    best_band != start
}

/// To what people write: thousandths.
fn rounded(band: Band) -> Band {
    let thousandths = |value: f32| (value * 1000.0).round() / 1000.0;
    Band { low: band.low.map(thousandths), high: thousandths(band.high), ..band }
}

#[cfg(test)]
mod tests {
    use clearshot_core::metric::Metric;
    use clearshot_core::models::ModelSet;
    use clearshot_core::scoring::calibration::Estimate;
    use clearshot_core::scoring::distribution::Distribution;
    use clearshot_core::scoring::profile::Profiles;

    use super::*;
    use crate::bulk::decisions::Decision;
    use crate::bulk::row::FlatRow;

    #[test]
    fn a_band_is_that_of_its_metric_on_photos_that_lack_another_one_too() {
        let models = ModelSet::load("models".as_ref()).expect("models are shipped");
        let mut metrics: Vec<Metric> = models.metrics().cloned().collect();
        for name in ["exposure", "haze"] {
            let mut further = metrics[1].clone();
            further.name = name.parse().expect("it is a name");
            metrics.push(further);
        }
        let estimate = Estimate { value: 0.2, low: 0.1, high: 0.3 };
        let accepted = |lacks: &str| {
            let found = metrics.iter().filter(|metric| metric.name.as_str() != lacks).map(|metric| Measurement {
                metric,
                raw: 0.0,
                estimate,
                distribution: Distribution::of_interval(estimate, 0.9, metric.range),
            });
            let findings = Findings { metrics: found.collect(), ..Findings::default() };
            let decision = Decision { verdict: Verdict::Accepted, reason: None };
            Decided { row: FlatRow::default(), findings, decision }
        };
        let [whole, without] = ["", "exposure"].map(accepted);
        let mut profile = Profiles::built_in().find("default").expect("it is built in").clone();
        let band = profile.bands["brightness"];
        profile.bands.insert("exposure".to_owned(), band);
        let mut photos = photos(&profile, &[&whole, &without]);
        let faults = photos[1].faults.clone();
        fit_band(&mut profile, "exposure", &mut photos);
        assert!(photos[0].faults.len() == faults.len() + 1 && photos[0].faults[3] > 0.0);
        assert_eq!(photos[1].faults, faults, "it has no exposure, and haze has no band");
    }
}
